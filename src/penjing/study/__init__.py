"""The search itself: composes family, methods, target and searcher, and spends the budget."""
