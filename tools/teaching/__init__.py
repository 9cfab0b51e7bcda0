"""The teaching guide, its table of costs and the printable polls."""
