"""What the ``apuntador sip`` commands print: plain data in, text out."""
