"""Where images come from: published data sets, folders of pictures, downloads."""
