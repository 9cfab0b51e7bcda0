"""Commands of the project: slides, PDF, bundle, stored outputs, repository address and version."""
