"""Sources of images: published data sets, folders of pictures, downloads."""
