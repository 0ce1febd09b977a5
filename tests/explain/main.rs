//! Explanations beside Captum, shap and lime, closed forms, and what they promise of trained models.

mod gradients;
mod layers;
mod methods;
mod penalty;
mod perturbations;
mod reference;
mod shapley;
mod trained;
