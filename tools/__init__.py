"""Commands of the project: slides, PDF, bundle, stored outputs and the address of the repository."""
