"""The teaching guide, its cost sheet and the printable polls."""
