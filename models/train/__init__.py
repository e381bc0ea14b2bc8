"""Training of the models we ship, one module a model. Needs PyTorch and scikit-learn, which the product does not."""
