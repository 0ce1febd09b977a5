//! The rules: one file per rule; `parts` holds the pieces that several rules share.
//!
//! The documentation of each rule has its formula, its settings with their ranges, an example and its source.

pub(crate) mod parts;

use crate::Error;

mod adabelief;
mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adam_mini;
mod adamax;
mod adamc;
mod adamuon;
mod adamw;
mod adan;
mod ademamix;
mod adopt;
mod apollo;
mod asgo;
mod came;
mod cautious_adamw;
mod cautious_lion;
mod cocob;
mod dadapt_adagrad;
mod dadapt_adam;
mod dadapt_lion;
mod dadapt_sgd;
mod dog;
mod dowg;
mod ftrl;
mod galore;
mod grams;
mod kl_shampoo;
mod kl_soap;
mod kron;
mod lamb;
mod laprop;
mod lars;
mod lbfgs;
mod ldog;
mod lion;
mod madgrad;
mod mars;
mod momo;
mod momo_adam;
mod muon;
mod nadam;
mod normuon;
mod novograd;
mod one_sided_shampoo;
mod polyak;
mod prodigy;
mod radam;
mod rmsprop;
mod rprop;
mod schedule_free_adamw;
mod schedule_free_plus;
mod schedule_free_sgd;
mod scion;
mod sgd;
mod shampoo;
mod signum;
mod sm3;
mod soap;
mod soap_muon;
mod sophia_g;
mod splus;
mod stable_adamw;
mod yogi;

pub use adabelief::{AdaBelief, AdaBeliefConfig};
pub use adadelta::{AdaDelta, AdaDeltaConfig};
pub use adafactor::{Adafactor, AdafactorConfig};
pub use adagrad::{AdaGrad, AdaGradConfig};
pub use adam::{Adam, AdamConfig};
pub use adam_mini::{AdamMini, AdamMiniConfig};
pub use adamax::{Adamax, AdamaxConfig};
pub use adamc::{AdamC, AdamCConfig};
pub use adamuon::{AdaMuon, AdaMuonConfig};
pub use adamw::{AdamW, AdamWConfig};
pub use adan::{Adan, AdanConfig};
pub use ademamix::{AdEMAMix, AdEMAMixConfig};
pub use adopt::{Adopt, AdoptConfig};
pub use apollo::{Apollo, ApolloConfig, ScaleType};
pub use asgo::{Asgo, AsgoConfig};
pub use came::{Came, CameConfig};
pub use cautious_adamw::{CautiousAdamW, CautiousAdamWConfig};
pub use cautious_lion::{CautiousLion, CautiousLionConfig};
pub use cocob::{Cocob, CocobConfig};
pub use dadapt_adagrad::{DAdaptAdaGrad, DAdaptAdaGradConfig};
pub use dadapt_adam::{DAdaptAdam, DAdaptAdamConfig};
pub use dadapt_lion::{DAdaptLion, DAdaptLionConfig};
pub use dadapt_sgd::{DAdaptSgd, DAdaptSgdConfig};
pub use dog::{Dog, DogConfig};
pub use dowg::{DoWG, DoWGConfig};
pub use ftrl::{Ftrl, FtrlConfig};
pub use galore::{GaLore, GaLoreConfig};
pub use grams::{Grams, GramsConfig};
pub use kl_shampoo::{KlShampoo, KlShampooConfig};
pub use kl_soap::{KlSoap, KlSoapConfig};
pub use kron::{Kron, KronConfig, MemorySaveMode};
pub use lamb::{Lamb, LambConfig};
pub use laprop::{LaProp, LaPropConfig};
pub use lars::{Lars, LarsConfig};
pub use lbfgs::{LbfgsConfig, LineSearch};
pub use ldog::{Ldog, LdogConfig};
pub use lion::{Lion, LionConfig};
pub use madgrad::{Madgrad, MadgradConfig};
pub use mars::{Mars, MarsConfig};
pub use momo::{Momo, MomoConfig};
pub use momo_adam::{MomoAdam, MomoAdamConfig};
pub use muon::{LrScale, Muon, MuonConfig};
pub use nadam::{NAdam, NAdamConfig};
pub use normuon::{NorMuon, NorMuonConfig};
pub use novograd::{NovoGrad, NovoGradConfig};
pub use one_sided_shampoo::{OneSidedShampoo, OneSidedShampooConfig, Side};
pub use parts::newton_schulz::{CoefficientSet, Coefficients};
pub use polyak::{Polyak, PolyakConfig};
pub use prodigy::{Prodigy, ProdigyConfig};
pub use radam::{RAdam, RAdamConfig};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use rprop::{Rprop, RpropConfig};
pub use schedule_free_adamw::{ScheduleFreeAdamW, ScheduleFreeAdamWConfig};
pub use schedule_free_plus::{ScheduleFreePlus, ScheduleFreePlusConfig};
pub use schedule_free_sgd::{ScheduleFreeSgd, ScheduleFreeSgdConfig};
pub use scion::{MatrixNorm, Scion, ScionConfig};
pub use sgd::{Sgd, SgdConfig};
pub use shampoo::{Shampoo, ShampooConfig};
pub use signum::{Signum, SignumConfig};
pub use sm3::{Sm3, Sm3Config};
pub use soap::{Soap, SoapConfig};
pub use soap_muon::{SoapMuon, SoapMuonConfig};
pub use sophia_g::{SophiaG, SophiaGConfig};
pub use splus::{SPlus, SPlusConfig};
pub use stable_adamw::{StableAdamW, StableAdamWConfig};
pub use yogi::{Yogi, YogiConfig};

/// Passes every rule of this folder to the macro `$then`: name on the command line, type, settings, summary.
macro_rules! rule_list {
    ($then:ident $({ $($before:tt)* })?) => {
        $then! {
            $($($before)*)?
            "sgd" => Sgd(SgdConfig), "gradient descent with heavy-ball or Nesterov momentum (Sutskever et al., 2013)";
            "adam" => Adam(AdamConfig), "mean gradient divided by the root mean square gradient (Kingma & Ba, 2014)";
            "adamw" => AdamW(AdamWConfig), "Adam with decoupled weight decay (Loshchilov & Hutter, 2017)";
            "adamc" => AdamC(AdamCConfig), "AdamW with its decay scaled by the rate relative to the largest rate (Defazio, 2025)";
            "adamax" => Adamax(AdamaxConfig), "mean gradient divided by a decaying maximum of the gradients (Kingma & Ba, 2014)";
            "radam" => RAdam(RAdamConfig), "Adam that uses its second moment only once it is reliable (Liu et al., 2019)";
            "nadam" => NAdam(NAdamConfig), "Adam with Nesterov momentum (Dozat, 2016)";
            "adabelief" => AdaBelief(AdaBeliefConfig), "Adam divided by the gradients' deviation from their mean (Zhuang et al., 2020)";
            "yogi" => Yogi(YogiConfig), "Adam whose second moment changes additively (Zaheer et al., 2018)";
            "adopt" => Adopt(AdoptConfig), "Adam that normalizes each gradient by the previous second moment (Taniguchi et al., 2024)";
            "laprop" => LaProp(LaPropConfig), "Adam that normalizes each gradient before averaging it (Ziyin et al., 2020)";
            "ademamix" => AdEMAMix(AdEMAMixConfig), "Adam with a second, much slower mean of the gradients (Pagliardini et al., 2024)";
            "adan" => Adan(AdanConfig), "Adam with Nesterov momentum estimated from gradient differences (Xie et al., 2022)";
            "rmsprop" => RmsProp(RmsPropConfig), "gradient divided by its running root mean square (Tieleman & Hinton, 2012)";
            "adagrad" => AdaGrad(AdaGradConfig), "gradient divided by the root of the sum of all its squares (Duchi et al., 2011)";
            "madgrad" => Madgrad(MadgradConfig), "dual averaging of gradients, divided by the cube root of their squares' sum (Defazio & Jelassi, 2021)";
            "adadelta" => AdaDelta(AdaDeltaConfig), "RMSprop scaled by the running root mean square of the steps (Zeiler, 2012)";
            "lion" => Lion(LionConfig), "sign of an interpolation between momentum and gradient (Chen et al., 2023)";
            "lamb" => Lamb(LambConfig), "Adam with each tensor's step scaled to the tensor's norm (You et al., 2019)";
            "lars" => Lars(LarsConfig), "momentum with each tensor's gradient scaled to the tensor's norm (You et al., 2017)";
            "stable_adamw" => StableAdamW(StableAdamWConfig), "AdamW with smaller steps when gradients exceed the second moment (Wortsman et al., 2023)";
            "rprop" => Rprop(RpropConfig), "sign of the gradient with an adaptive step size per element (Riedmiller & Braun, 1993)";
            "signum" => Signum(SignumConfig), "sign of the momentum (Bernstein et al., 2018)";
            "cautious_lion" => CautiousLion(CautiousLionConfig), "Lion limited to elements whose step agrees with the gradient (Liang et al., 2024)";
            "cautious_adamw" => CautiousAdamW(CautiousAdamWConfig), "AdamW limited to elements whose step agrees with the gradient (Liang et al., 2024)";
            "grams" => Grams(GramsConfig), "magnitude of Adam's step with the sign of the gradient (Cao, Li & Song, 2024)";
            "mars" => Mars(MarsConfig), "AdamW on gradients corrected by their change, to reduce variance (Yuan et al., 2024)";
            "ftrl" => Ftrl(FtrlConfig), "follow the regularized leader; L1 gives exact zeros (McMahan et al., 2013)";
            "novograd" => NovoGrad(NovoGradConfig), "momentum of gradients normalized by their norm per tensor (Ginsburg et al., 2019)";
            "adafactor" => Adafactor(AdafactorConfig), "adaptive steps with second moments stored per row and column (Shazeer & Stern, 2018)";
            "came" => Came(CameConfig), "Adafactor with momentum weighted by its confidence (Luo et al., 2023)";
            "adam_mini" => AdamMini(AdamMiniConfig), "Adam with one second moment for each output or block (Zhang et al., 2024)";
            "galore" => GaLore(GaLoreConfig), "AdamW on gradients projected to their leading singular vectors (Zhao et al., 2024)";
            "apollo" => Apollo(ApolloConfig), "gradients scaled by Adam's step sizes in a random projection (Zhu et al., 2024)";
            "sm3" => Sm3(Sm3Config), "AdaGrad with sums stored per row and column (Anil et al., 2019)";
            "prodigy" => Prodigy(ProdigyConfig), "Adam with a step size estimated from the distance travelled (Mishchenko & Defazio, 2023)";
            "dadapt_adam" => DAdaptAdam(DAdaptAdamConfig), "Adam with the estimated distance to the solution as step size (Defazio & Mishchenko, 2023)";
            "dadapt_sgd" => DAdaptSgd(DAdaptSgdConfig), "gradient descent with the estimated distance to the solution as step size (Defazio & Mishchenko, 2023)";
            "dadapt_adagrad" => DAdaptAdaGrad(DAdaptAdaGradConfig), "AdaGrad with the estimated distance to the solution as step size (Defazio & Mishchenko, 2023)";
            "dadapt_lion" => DAdaptLion(DAdaptLionConfig), "Lion with the estimated distance to the solution as step size (Defazio & Mishchenko, 2023)";
            "dowg" => DoWG(DoWGConfig), "gradient descent, step size from distance and gradient norms so far (Khaled et al., 2023)";
            "dog" => Dog(DogConfig), "gradient descent, step size from distance over the norm of all gradients (Ivgi et al., 2023)";
            "ldog" => Ldog(LdogConfig), "DoG with a step size for each tensor (Ivgi et al., 2023)";
            "cocob" => Cocob(CocobConfig), "steps bet on gradients with the money won so far (Orabona & Tommasi, 2017)";
            "momo" => Momo(MomoConfig), "momentum with a step size from the loss and its lower bound (Schaipp et al., 2023)";
            "momo_adam" => MomoAdam(MomoAdamConfig), "Adam with a step size from the loss and its lower bound (Schaipp et al., 2023)";
            "polyak" => Polyak(PolyakConfig), "gradient descent with the Polyak step from the loss and its lower bound (Loizou et al., 2020)";
            "schedule_free_sgd" => ScheduleFreeSgd(ScheduleFreeSgdConfig), "SGD with averaged weights instead of a learning-rate schedule (Defazio et al., 2024)";
            "schedule_free_adamw" => ScheduleFreeAdamW(ScheduleFreeAdamWConfig), "AdamW with averaged weights instead of a learning-rate schedule (Defazio et al., 2024)";
            "schedule_free_plus" => ScheduleFreePlus(ScheduleFreePlusConfig), "AdamW with averaged weights and a step size from the loss (Defazio, 2026)";
            "sophia_g" => SophiaG(SophiaGConfig), "mean gradient divided by the estimated curvature, clipped per element (Liu et al., 2023)";
            "muon" => Muon(MuonConfig), "mean gradient of each matrix, approximately orthogonalized (Jordan et al., 2024)";
            "scion" => Scion(ScionConfig), "mean gradient scaled to the boundary of a ball of each layer's norm (Pethick et al., 2025)";
            "normuon" => NorMuon(NorMuonConfig), "Muon with equal root mean squares of the outputs (Li et al., 2025)";
            "adamuon" => AdaMuon(AdaMuonConfig), "Muon of signs, divided by each element's root mean square (Si et al., 2025)";
            "asgo" => Asgo(AsgoConfig), "mean gradient preconditioned along the smaller side of each matrix (An et al., 2025)";
            "shampoo" => Shampoo(ShampooConfig), "gradient preconditioned by its covariance along each dimension (Gupta et al., 2018)";
            "one_sided_shampoo" => OneSidedShampoo(OneSidedShampooConfig), "mean gradient preconditioned along one side, as long as Adam's step (Xie et al., 2025)";
            "soap" => Soap(SoapConfig), "Adam in the eigenbasis of Shampoo's preconditioners (Vyas et al., 2024)";
            "soap_muon" => SoapMuon(SoapMuonConfig), "SOAP's step of each matrix, orthogonalized in its eigenbasis (Vyas et al., 2025)";
            "kl_shampoo" => KlShampoo(KlShampooConfig), "Shampoo with factors that correct each other (Lin et al., 2025)";
            "kl_soap" => KlSoap(KlSoapConfig), "Adam in the eigenbases of KL-Shampoo's factors (Lin et al., 2025)";
            "kron" => Kron(KronConfig), "gradient preconditioned by fitted triangular factors, PSGD (Li, 2015; Walters et al., 2024)";
            "splus" => SPlus(SPlusConfig), "signs of the momentum in Shampoo's eigenbasis; evaluates averaged weights (Frans et al., 2025)";
        }
    };
}
pub(crate) use rule_list;

macro_rules! build_methods {
    ($($name:literal => $rule:ident($config:ty), $summary:literal;)*) => {
        $(
            impl $config {
                /// Checks the settings and builds the rule alone, for Burn's `ModuleOptimizer` or your own
                /// training loop.
                ///
                /// # Errors
                /// [`Error::InvalidConfig`] for a field out of its range or NaN, or for a number that 32 bits
                /// cannot hold.
                pub fn build(&self) -> Result<$rule, Error> {
                    let rule = self.build_as($name)?;
                    optlab_core::settings::Settings::check_rounded(self, $name)?;
                    Ok(rule)
                }
            }
        )*
    };
}
rule_list!(build_methods);
