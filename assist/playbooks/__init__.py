"""Packaged example playbooks, one per language: billing complaints and card fraud."""
