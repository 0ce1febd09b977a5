//! What explanations promise of trained models.
