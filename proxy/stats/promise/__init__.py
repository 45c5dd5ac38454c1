"""What a certificate can promise: which shifts are seen, how often it would alarm for nothing."""
