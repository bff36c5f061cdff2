"""The SHA-256 of the token `example`. Replace it: `printf %s "$TOKEN" | sha256sum`."""

SHA256 = "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"
