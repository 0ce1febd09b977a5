//! The rules: one file per rule, and in `parts` what several of them share.
//!
//! A rule's page has its formula, its settings with their ranges, an example and its source.

pub(crate) mod parts;

use crate::Error;

mod adabelief;
mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod adan;
mod ademamix;
mod adopt;
mod came;
mod cautious_adamw;
mod cautious_lion;
mod dadapt_adam;
mod dowg;
mod ftrl;
mod grams;
mod lamb;
mod laprop;
mod lars;
mod lion;
mod mars;
mod muon;
mod nadam;
mod novograd;
mod prodigy;
mod radam;
mod rmsprop;
mod rprop;
mod schedule_free_adamw;
mod schedule_free_sgd;
mod sgd;
mod shampoo;
mod signum;
mod sm3;
mod soap;
mod sophia_g;
mod stable_adamw;
mod yogi;

pub use adabelief::{AdaBelief, AdaBeliefConfig};
pub use adadelta::{AdaDelta, AdaDeltaConfig};
pub use adafactor::{Adafactor, AdafactorConfig};
pub use adagrad::{AdaGrad, AdaGradConfig};
pub use adam::{Adam, AdamConfig};
pub use adamax::{Adamax, AdamaxConfig};
pub use adamw::{AdamW, AdamWConfig};
pub use adan::{Adan, AdanConfig};
pub use ademamix::{AdEMAMix, AdEMAMixConfig};
pub use adopt::{Adopt, AdoptConfig};
pub use came::{Came, CameConfig};
pub use cautious_adamw::{CautiousAdamW, CautiousAdamWConfig};
pub use cautious_lion::{CautiousLion, CautiousLionConfig};
pub use dadapt_adam::{DAdaptAdam, DAdaptAdamConfig};
pub use dowg::{DoWG, DoWGConfig};
pub use ftrl::{Ftrl, FtrlConfig};
pub use grams::{Grams, GramsConfig};
pub use lamb::{Lamb, LambConfig};
pub use laprop::{LaProp, LaPropConfig};
pub use lars::{Lars, LarsConfig};
pub use lion::{Lion, LionConfig};
pub use mars::{Mars, MarsConfig};
pub use muon::{LrScale, Muon, MuonConfig};
pub use nadam::{NAdam, NAdamConfig};
pub use novograd::{NovoGrad, NovoGradConfig};
pub use prodigy::{Prodigy, ProdigyConfig};
pub use radam::{RAdam, RAdamConfig};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use rprop::{Rprop, RpropConfig};
pub use schedule_free_adamw::{ScheduleFreeAdamW, ScheduleFreeAdamWConfig};
pub use schedule_free_sgd::{ScheduleFreeSgd, ScheduleFreeSgdConfig};
pub use sgd::{Sgd, SgdConfig};
pub use shampoo::{Shampoo, ShampooConfig};
pub use signum::{Signum, SignumConfig};
pub use sm3::{Sm3, Sm3Config};
pub use soap::{Soap, SoapConfig};
pub use sophia_g::{SophiaG, SophiaGConfig};
pub use stable_adamw::{StableAdamW, StableAdamWConfig};
pub use yogi::{Yogi, YogiConfig};

/// Hands every rule of this folder to the macro `$then`: name on the command line, type, settings, summary.
macro_rules! rule_list {
    ($then:ident $({ $($before:tt)* })?) => {
        $then! {
            $($($before)*)?
            "sgd" => Sgd(SgdConfig), "gradient descent with momentum, heavy-ball or Nesterov's (Sutskever et al., 2013)";
            "adam" => Adam(AdamConfig), "mean of the gradients over the root of the mean of their squares (Kingma & Ba, 2014)";
            "adamw" => AdamW(AdamWConfig), "Adam with decoupled weight decay (Loshchilov & Hutter, 2017)";
            "adamax" => Adamax(AdamaxConfig), "mean of the gradients over the largest of them (Kingma & Ba, 2014)";
            "radam" => RAdam(RAdamConfig), "Adam that trusts its second moment only after some steps (Liu et al., 2019)";
            "nadam" => NAdam(NAdamConfig), "Adam that looks one step ahead along its momentum (Dozat, 2016)";
            "adabelief" => AdaBelief(AdaBeliefConfig), "mean of the gradients over how far they are from it (Zhuang et al., 2020)";
            "yogi" => Yogi(YogiConfig), "Adam whose second moment moves by a share of each square (Zaheer et al., 2018)";
            "adopt" => Adopt(AdoptConfig), "mean of the gradients, each over the root of the squares before it (Taniguchi et al., 2024)";
            "laprop" => LaProp(LaPropConfig), "mean of the gradients, each over the root of the squares (Ziyin et al., 2020)";
            "ademamix" => AdEMAMix(AdEMAMixConfig), "Adam with a second, much slower mean of the gradients (Pagliardini et al., 2024)";
            "adan" => Adan(AdanConfig), "Adam along the gradients and their differences (Xie et al., 2022)";
            "rmsprop" => RmsProp(RmsPropConfig), "gradient over the root of the mean of its squares (Tieleman & Hinton, 2012)";
            "adagrad" => AdaGrad(AdaGradConfig), "gradient over the root of the sum of its squares (Duchi et al., 2011)";
            "adadelta" => AdaDelta(AdaDeltaConfig), "gradient in units of the steps so far (Zeiler, 2012)";
            "lion" => Lion(LionConfig), "sign of momentum and gradient together (Chen et al., 2023)";
            "lamb" => Lamb(LambConfig), "Adam's direction, as long in each tensor as the tensor (You et al., 2019)";
            "lars" => Lars(LarsConfig), "momentum, each gradient as long as a share of its tensor (You et al., 2017)";
            "stable_adamw" => StableAdamW(StableAdamWConfig), "AdamW, shorter where gradients surprise it (Wortsman et al., 2023)";
            "rprop" => Rprop(RpropConfig), "sign of the gradient, a step size for each element (Riedmiller & Braun, 1993)";
            "signum" => Signum(SignumConfig), "sign of the momentum (Bernstein et al., 2018)";
            "cautious_lion" => CautiousLion(CautiousLionConfig), "Lion where the gradient agrees (Liang et al., 2024)";
            "cautious_adamw" => CautiousAdamW(CautiousAdamWConfig), "AdamW where the gradient agrees (Liang et al., 2024)";
            "grams" => Grams(GramsConfig), "length of Adam's step, sign of the gradient (Cao, Li & Song, 2024)";
            "mars" => Mars(MarsConfig), "AdamW of gradients corrected by their change (Yuan et al., 2024)";
            "ftrl" => Ftrl(FtrlConfig), "follows the regularized leader: exact zeros under L1 (McMahan et al., 2013)";
            "novograd" => NovoGrad(NovoGradConfig), "gradients over the root of their mean squared length (Ginsburg et al., 2019)";
            "adafactor" => Adafactor(AdafactorConfig), "second moments of rows and columns only (Shazeer & Stern, 2018)";
            "came" => Came(CameConfig), "Adafactor with a momentum, longer where steps agree (Luo et al., 2023)";
            "sm3" => Sm3(Sm3Config), "AdaGrad with a sum for each row and each column only (Anil et al., 2019)";
            "prodigy" => Prodigy(ProdigyConfig), "Adam with a rate estimated from the way come (Mishchenko & Defazio, 2023)";
            "dadapt_adam" => DAdaptAdam(DAdaptAdamConfig), "Adam with a rate that is the distance to go (Defazio & Mishchenko, 2023)";
            "dowg" => DoWG(DoWGConfig), "gradient descent at the distance come over the gradients (Khaled et al., 2023)";
            "schedule_free_sgd" => ScheduleFreeSgd(ScheduleFreeSgdConfig), "averaged weights in place of a schedule (Defazio et al., 2024)";
            "schedule_free_adamw" => ScheduleFreeAdamW(ScheduleFreeAdamWConfig), "AdamW, averaged in place of a schedule (Defazio et al., 2024)";
            "sophia_g" => SophiaG(SophiaGConfig), "mean of the gradients over the curvature, clipped (Liu et al., 2023)";
            "muon" => Muon(MuonConfig), "mean of the gradients of a matrix, made about orthogonal (Jordan et al., 2024)";
            "shampoo" => Shampoo(ShampooConfig), "gradient times a root of its inverse covariance by dimension (Gupta et al., 2018)";
            "soap" => Soap(SoapConfig), "Adam in the eigenbasis of Shampoo's preconditioners (Vyas et al., 2024)";
        }
    };
}
pub(crate) use rule_list;

macro_rules! build_methods {
    ($($name:literal => $rule:ident($config:ty), $summary:literal;)*) => {
        $(
            impl $config {
                /// Checks the settings and builds the rule by itself, for Burn's `ModuleOptimizer` or a loop of your own.
                ///
                /// # Errors
                /// [`Error::InvalidConfig`] for a field out of its range or NaN.
                pub fn build(&self) -> Result<$rule, Error> {
                    self.build_as($name)
                }
            }
        )*
    };
}
rule_list!(build_methods);
