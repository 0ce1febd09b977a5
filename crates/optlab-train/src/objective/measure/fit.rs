//! Which measures fit which targets and losses, and the default ones.

use crate::Error;
use crate::objective::{LossSpec, MeasureSpec, TargetKind};

impl MeasureSpec {
    /// Checks that the measure can be computed from the outputs of a model trained with `loss`.
    ///
    /// # Errors
    /// The errors of [`check`](Self::check), and of [`LossSpec::outputs`] if the loss does not fit the
    /// targets. [`Usage`](optlab_core::Error::Usage), with the measures that fit, if the measure is for other
    /// targets, or is `log_loss` and the loss predicts no probabilities.
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if `k` of `top_k` is not below the number of
    /// classes.
    pub fn fit(&self, loss: &LossSpec, targets: TargetKind) -> Result<(), Error> {
        self.check()?;
        loss.outputs(targets)?;
        if let (MeasureSpec::TopK(config), TargetKind::Classes(classes @ 3..)) = (self, targets)
            && config.k >= classes
        {
            let allowed = format!("below the number of classes, {classes}");
            return Err(Error::invalid(self.name(), "k", &allowed, config.k));
        }
        if self.is_for(loss, targets) {
            return Ok(());
        }
        let fitting = Self::all().into_iter().filter(|measure| measure.is_for(loss, targets));
        let fitting: Vec<&str> = fitting.map(|measure| measure.name()).collect();
        Err(Error::usage(format!(
            "measure `{}` does not fit loss `{}` and {targets}; these fit: {}",
            self.name(),
            loss.name(),
            fitting.join(", ")
        )))
    }

    fn is_for(&self, loss: &LossSpec, targets: TargetKind) -> bool {
        match self {
            MeasureSpec::Accuracy | MeasureSpec::BalancedAccuracy | MeasureSpec::Auc => {
                matches!(targets, TargetKind::Classes(_))
            }
            MeasureSpec::TopK(_) => matches!(targets, TargetKind::Classes(3..)),
            MeasureSpec::LogLoss => {
                matches!(loss, LossSpec::CrossEntropy(_) | LossSpec::BinaryCrossEntropy(_))
            }
            MeasureSpec::F1 => matches!(targets, TargetKind::Classes(_) | TargetKind::Labels(_)),
            MeasureSpec::Rmse | MeasureSpec::Mae | MeasureSpec::R2 | MeasureSpec::Mape => {
                matches!(targets, TargetKind::Values(_))
            }
            MeasureSpec::SubsetAccuracy | MeasureSpec::Hamming => matches!(targets, TargetKind::Labels(_)),
        }
    }

    /// Returns the default measures, of which the first judges: `accuracy`, `f1` and, where they fit,
    /// `log_loss` and (for two classes) `auc`; `rmse`, `mae` and `r2`; `f1` and `subset_accuracy`.
    pub fn defaults(loss: &LossSpec, targets: TargetKind) -> Vec<Self> {
        let mut measures = match targets {
            TargetKind::Classes(2) => {
                vec![MeasureSpec::Accuracy, MeasureSpec::F1, MeasureSpec::LogLoss, MeasureSpec::Auc]
            }
            TargetKind::Classes(_) => vec![MeasureSpec::Accuracy, MeasureSpec::F1, MeasureSpec::LogLoss],
            TargetKind::Values(_) => vec![MeasureSpec::Rmse, MeasureSpec::Mae, MeasureSpec::R2],
            TargetKind::Labels(_) => vec![MeasureSpec::F1, MeasureSpec::SubsetAccuracy],
        };
        measures.retain(|measure| measure.is_for(loss, targets));
        measures
    }
}
