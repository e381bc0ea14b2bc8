"""Other people's PBXs, set up for Apuntador: a folder for each way of connecting, and :mod:`sip_config.render`."""
