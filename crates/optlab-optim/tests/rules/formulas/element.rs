//! Rules that treat every element independently.

use super::Scalar;
use std::cmp::Ordering;

/// Settings, and an independent implementation of the rule.
pub const TABLE: &[(&str, Scalar)] = &[
    ("sgd", |theta, g, lr, _, _| theta - lr * g),
    ("sgd:weight_decay=0.3", |theta, g, lr, _, _| theta - lr * (g + 0.3 * theta)),
    ("sgd:momentum=0.8", |theta, g, lr, _, [b, ..]| {
        *b = 0.8 * *b + g;
        theta - lr * *b
    }),
    ("sgd:momentum=0.8,dampening=0.4,weight_decay=0.3", |theta, g, lr, t, [b, ..]| {
        let g = g + 0.3 * theta;
        *b = if t == 1 { g } else { 0.8 * *b + 0.6 * g };
        theta - lr * *b
    }),
    ("sgd:momentum=0.8,nesterov=true,weight_decay=0.3", |theta, g, lr, _, [b, ..]| {
        let g = g + 0.3 * theta;
        *b = 0.8 * *b + g;
        theta - lr * (g + 0.8 * *b)
    }),
    ("adam:beta_1=0.7,beta_2=0.9,epsilon=0.01", |theta, g, lr, t, memory| {
        theta - lr * adam(g, t, false, memory)
    }),
    ("adam:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,amsgrad=true", |theta, g, lr, t, memory| {
        theta - lr * adam(g + 0.3 * theta, t, true, memory)
    }),
    ("adam:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, memory| {
        theta - lr * adam(g + 0.3 * theta, t, false, memory)
    }),
    ("adamw:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,amsgrad=true", |theta, g, lr, t, memory| {
        theta - lr * 0.3 * theta - lr * adam(g, t, true, memory)
    }),
    ("adamw:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.0", |theta, g, lr, t, memory| {
        theta - lr * adam(g, t, false, memory)
    }),
    ("adamc:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, memory| {
        // The first rate, 0.05, is the largest.
        theta - lr * lr / 0.05 * 0.3 * theta - lr * adam(g, t, false, memory)
    }),
    ("adamc:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,max_lr=0.1", |theta, g, lr, t, memory| {
        theta - lr * lr / 0.1 * 0.3 * theta - lr * adam(g, t, false, memory)
    }),
    ("madgrad:momentum=0.8,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, memory| {
        0.8 * theta + 0.2 * dual_average(theta, g + 0.3 * theta, lr + 0.01, t, memory)
    }),
    (
        "madgrad:momentum=0.8,epsilon=0.01,weight_decay=0.3,decoupled_weight_decay=true,cautious_decay=true",
        |theta, g, lr, t, memory| {
            let moved = 0.8 * theta + 0.2 * dual_average(theta, g, lr + 0.01, t, memory);
            if (theta - moved) * theta >= 0.0 { moved - (lr + 0.01) * 0.3 * theta } else { moved }
        },
    ),
    (
        "madgrad:momentum=0.0,epsilon=0.01,weight_decay=0.3,decoupled_weight_decay=true",
        |theta, g, lr, t, [s, v, ..]| {
            let start = theta + *s / (v.cbrt() + 0.01);
            let weight = (lr + 0.01) * f64::from(t).sqrt();
            *s += weight * g;
            *v += weight * g * g;
            start - *s / (v.cbrt() + 0.01) - (lr + 0.01) * 0.3 * theta
        },
    ),
    ("cocob:alpha=5,epsilon=0.1,weight_decay=0.3", |theta, g, lr, t, [start, l, total, reward, c, _]| {
        if t == 1 {
            (*start, *l) = (theta, 0.1);
        }
        let g = lr * (g + 0.3 * theta);
        *l = l.max(g.abs());
        *total += g.abs();
        *reward = (*reward - g * (theta - *start)).max(0.0);
        *c -= g;
        *start + *c / (*l * (*total + *l).max(5.0 * *l)) * (*l + *reward)
    }),
    (
        "adam:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,bias_correction=false",
        |theta, g, lr, _, memory| theta - lr * uncorrected_adam(g + 0.3 * theta, memory),
    ),
    (
        "adamw:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,bias_correction=false",
        |theta, g, lr, _, memory| theta - lr * 0.3 * theta - lr * uncorrected_adam(g, memory),
    ),
    (
        "adamw:beta_1=0.7,beta_2=0.9,epsilon=0.01,amsgrad=true,bias_correction=false,weight_decay=0.0",
        |theta, g, lr, _, memory| {
            uncorrected_adam(g, memory);
            let [m, v, largest, ..] = memory;
            *largest = largest.max(*v);
            theta - lr * *m / (largest.sqrt() + 0.01)
        },
    ),
    ("rmsprop:alpha=0.8,epsilon=0.01", |theta, g, lr, _, [s, ..]| {
        *s = 0.8 * *s + 0.2 * g * g;
        theta - lr * g / (s.sqrt() + 0.01)
    }),
    ("rmsprop:alpha=0.8,epsilon=0.01,momentum=0.6", |theta, g, lr, _, [s, b, ..]| {
        *s = 0.8 * *s + 0.2 * g * g;
        *b = 0.6 * *b + g / (s.sqrt() + 0.01);
        theta - lr * *b
    }),
    ("rmsprop:alpha=0.8,epsilon=0.01,centered=true", |theta, g, lr, _, [s, a, ..]| {
        *s = 0.8 * *s + 0.2 * g * g;
        *a = 0.8 * *a + 0.2 * g;
        theta - lr * g / ((*s - *a * *a).sqrt() + 0.01)
    }),
    (
        "rmsprop:alpha=0.8,epsilon=0.01,momentum=0.6,centered=true,weight_decay=0.3",
        |theta, g, lr, _, [s, a, b, ..]| {
            let g = g + 0.3 * theta;
            *s = 0.8 * *s + 0.2 * g * g;
            *a = 0.8 * *a + 0.2 * g;
            *b = 0.6 * *b + g / ((*s - *a * *a).sqrt() + 0.01);
            theta - lr * *b
        },
    ),
    ("rmsprop:alpha=0.8,epsilon=0.01,epsilon_inside_sqrt=true", |theta, g, lr, _, [s, ..]| {
        *s = 0.8 * *s + 0.2 * g * g;
        theta - lr * g / (*s + 0.01).sqrt()
    }),
    (
        "rmsprop:alpha=0.8,epsilon=0.01,momentum=0.6,centered=true,weight_decay=0.3,epsilon_inside_sqrt=true",
        |theta, g, lr, _, [s, a, b, ..]| {
            let g = g + 0.3 * theta;
            *s = 0.8 * *s + 0.2 * g * g;
            *a = 0.8 * *a + 0.2 * g;
            *b = 0.6 * *b + g / (*s - *a * *a + 0.01).sqrt();
            theta - lr * *b
        },
    ),
    ("adagrad:epsilon=0.01", |theta, g, lr, _, [s, ..]| {
        *s += g * g;
        theta - lr * g / (s.sqrt() + 0.01)
    }),
    ("adagrad:epsilon=0.01,lr_decay=0.5,weight_decay=0.3", |theta, g, lr, t, [s, ..]| {
        let g = g + 0.3 * theta;
        *s += g * g;
        theta - lr / (1.0 + 0.5 * f64::from(t - 1)) * g / (s.sqrt() + 0.01)
    }),
    ("adagrad:epsilon=0.01,initial_accumulator_value=0.7", |theta, g, lr, _, [s, ..]| {
        *s += g * g;
        theta - lr * g / ((0.7 + *s).sqrt() + 0.01)
    }),
    ("lion:beta_1=0.6,beta_2=0.8", |theta, g, lr, _, [m, ..]| {
        let direction = (0.6 * *m + 0.4 * g).signum();
        *m = 0.8 * *m + 0.2 * g;
        theta - lr * direction
    }),
    ("lion:beta_1=0.6,beta_2=0.8,weight_decay=0.3", |theta, g, lr, _, [m, ..]| {
        let direction = (0.6 * *m + 0.4 * g).signum();
        *m = 0.8 * *m + 0.2 * g;
        theta - lr * (direction + 0.3 * theta)
    }),
    ("adamax:beta_1=0.6,beta_2=0.8,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, [m, u, ..]| {
        let g = g + 0.3 * theta;
        *m = 0.6 * *m + 0.4 * g;
        *u = (0.8 * *u).max(g.abs() + 0.01);
        theta - lr * (*m / (1.0 - 0.6_f64.powi(t))) / *u
    }),
    ("adadelta:rho=0.7,epsilon=0.01,weight_decay=0.3", |theta, g, lr, _, [s, a, ..]| {
        let g = g + 0.3 * theta;
        *s = 0.7 * *s + 0.3 * g * g;
        let step = (*a + 0.01).sqrt() / (*s + 0.01).sqrt() * g;
        *a = 0.7 * *a + 0.3 * step * step;
        theta - lr * step
    }),
    ("radam:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, memory| {
        theta - lr * radam(g + 0.3 * theta, t, memory)
    }),
    (
        "radam:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,decoupled_weight_decay=true",
        |theta, g, lr, t, memory| theta - lr * 0.3 * theta - lr * radam(g, t, memory),
    ),
    // With a decay below 2/3, no number of steps makes the second moment reliable.
    ("radam:beta_1=0.7,beta_2=0.5", |theta, g, lr, t, [m, ..]| {
        *m = 0.7 * *m + 0.3 * g;
        theta - lr * *m / (1.0 - 0.7_f64.powi(t))
    }),
    (
        "nadam:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,momentum_decay=0.5",
        |theta, g, lr, t, memory| theta - lr * nadam(g + 0.3 * theta, t, memory),
    ),
    (
        "nadam:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,momentum_decay=0.5,decoupled_weight_decay=true",
        |theta, g, lr, t, memory| theta - lr * 0.3 * theta - lr * nadam(g, t, memory),
    ),
    ("adabelief:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, [m, s, ..]| {
        *m = 0.7 * *m + 0.3 * g;
        *s = 0.9 * *s + 0.1 * (g - *m) * (g - *m) + 0.01;
        let (mean, spread) = (*m / (1.0 - 0.7_f64.powi(t)), *s / (1.0 - 0.9_f64.powi(t)));
        theta - lr * 0.3 * theta - lr * mean / (spread.sqrt() + 0.01)
    }),
    (
        "yogi:beta_1=0.7,beta_2=0.9,epsilon=0.01,initial_accumulator_value=0.5",
        |theta, g, lr, t, [m, v, ..]| {
            if t == 1 {
                (*m, *v) = (0.5, 0.5);
            }
            *m = 0.7 * *m + 0.3 * g;
            *v += if *v > g * g { -0.1 * g * g } else { 0.1 * g * g };
            theta - lr * (*m / (1.0 - 0.7_f64.powi(t))) / ((*v / (1.0 - 0.9_f64.powi(t))).sqrt() + 0.01)
        },
    ),
    (
        "yogi:beta_1=0.7,beta_2=0.9,epsilon=0.01,initial_accumulator_value=0.0",
        |theta, g, lr, t, [m, v, ..]| {
            *m = 0.7 * *m + 0.3 * g;
            *v += if *v > g * g { -0.1 * g * g } else { 0.1 * g * g };
            theta - lr * (*m / (1.0 - 0.7_f64.powi(t))) / ((*v / (1.0 - 0.9_f64.powi(t))).sqrt() + 0.01)
        },
    ),
    ("adopt:beta_1=0.7,beta_2=0.5,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, [m, v, ..]| {
        if t == 1 {
            *v = g * g;
            return theta;
        }
        let largest = f64::from(t - 1).powf(0.25);
        *m = 0.7 * *m + 0.3 * (g / v.sqrt().max(0.01)).clamp(-largest, largest);
        *v = 0.5 * *v + 0.5 * g * g;
        theta - lr * 0.3 * theta - lr * *m
    }),
    // `epsilon` is large enough to replace the second moment as the denominator.
    ("adopt:beta_1=0.7,beta_2=0.5,epsilon=0.5", |theta, g, lr, t, [m, v, ..]| {
        if t == 1 {
            *v = g * g;
            return theta;
        }
        let largest = f64::from(t - 1).powf(0.25);
        *m = 0.7 * *m + 0.3 * (g / v.sqrt().max(0.5)).clamp(-largest, largest);
        *v = 0.5 * *v + 0.5 * g * g;
        theta - lr * *m
    }),
    ("laprop:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, [m, v, rate, ..]| {
        *v = 0.9 * *v + 0.1 * g * g;
        let divided = g / ((v.sqrt() + 0.01) / (1.0 - 0.9_f64.powi(t)).sqrt());
        *m = 0.7 * *m + 0.3 * lr * divided;
        *rate = 0.7 * *rate + 0.3 * lr;
        (theta - lr * *m / *rate) * (1.0 - lr * 0.3)
    }),
    (
        "ademamix:beta_1=0.7,beta_2=0.9,beta_3=0.8,alpha=3.0,epsilon=0.01,weight_decay=0.3",
        |theta, g, lr, t, memory| theta - lr * 0.3 * theta - lr * ademamix(g, t, 3.0, 0.8, memory),
    ),
    (
        "ademamix:beta_1=0.7,beta_2=0.9,beta_3=0.8,alpha=3.0,epsilon=0.01,alpha_warmup_steps=12",
        |theta, g, lr, t, memory| {
            let alpha = (3.0 * f64::from(t) / 12.0).min(3.0);
            theta - lr * ademamix(g, t, alpha, 0.8, memory)
        },
    ),
    (
        "ademamix:beta_1=0.7,beta_2=0.9,beta_3=0.95,alpha=3.0,epsilon=0.01,beta_3_warmup_steps=12",
        |theta, g, lr, t, memory| {
            let (ln_1, ln_3, share) = (0.7_f64.ln(), 0.95_f64.ln(), f64::from(t) / 12.0);
            let beta_3 = (ln_1 * ln_3 / ((1.0 - share) * ln_3 + share * ln_1)).exp();
            theta - lr * ademamix(g, t, 3.0, if t < 12 { beta_3.min(0.95) } else { 0.95 }, memory)
        },
    ),
    ("adan:beta_1=0.7,beta_2=0.6,beta_3=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, memory| {
        (theta - lr * adan(g, t, memory)) / (1.0 + lr * 0.3)
    }),
    ("adan:beta_1=0.7,beta_2=0.6,beta_3=0.9,epsilon=0.01", |theta, g, lr, t, memory| {
        theta - lr * adan(g, t, memory)
    }),
    (
        "rprop:eta_minus=0.3,eta_plus=1.7,step_min=0.02,step_max=0.3",
        |theta, g, lr, t, [size, direction, ..]| {
            let agreement = *direction * g;
            let factor = match agreement.partial_cmp(&0.0) {
                Some(Ordering::Greater) => 1.7,
                Some(Ordering::Less) => 0.3,
                _ => 1.0,
            };
            *size = (if t == 1 { lr } else { *size } * factor).clamp(0.02, 0.3);
            *direction = if agreement < 0.0 { 0.0 } else { g.signum() };
            theta - *size * *direction
        },
    ),
    ("signum:beta=0.6,weight_decay=0.3", |theta, g, lr, _, [m, ..]| {
        *m = 0.6 * *m + 0.4 * g;
        theta - lr * (m.signum() + 0.3 * theta)
    }),
    ("signum:beta=0.0", |theta, g, lr, _, _| theta - lr * g.signum()),
    ("grams:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, [m, v, ..]| {
        *m = 0.7 * *m + 0.3 * g;
        *v = 0.9 * *v + 0.1 * g * g;
        let mean = m.abs() / (1.0 - 0.7_f64.powi(t));
        let length = mean * (1.0 - 0.9_f64.powi(t)).sqrt() / (v.sqrt() + 0.01);
        theta - lr * (g.signum() * length + 0.3 * theta)
    }),
    ("ftrl:lr_power=-0.8,beta=0.7,l1=0.4,l2=3.0", |theta, g, lr, _, memory| {
        ftrl(theta, g, lr, [0.8, 0.7, 0.4, 3.0], memory)
    }),
    ("ftrl:beta=0.7", |theta, g, lr, _, memory| ftrl(theta, g, lr, [0.5, 0.7, 0.0, 0.0], memory)),
    ("ftrl:l1=0.4,l2=3.0", |theta, g, lr, _, memory| ftrl(theta, g, lr, [0.5, 0.0, 0.4, 3.0], memory)),
];

/// Returns the point that MADGRAD averages with the parameter, for `ε = 0.01`. Memory: `s`, `ν`, `θ₀`.
fn dual_average(theta: f64, g: f64, rate: f64, t: i32, [s, v, start, ..]: &mut [f64; 6]) -> f64 {
    if t == 1 {
        *start = theta;
    }
    let weight = rate * f64::from(t).sqrt();
    *s += weight * g;
    *v += weight * g * g;
    *start - *s / (v.cbrt() + 0.01)
}

/// Returns the step with `β₁ = 0.7`, `β₂ = 0.9`, `ε = 0.01`, `ψ = 0.5`.
fn nadam(g: f64, t: i32, [m, v, product, ..]: &mut [f64; 6]) -> f64 {
    let momentum = |t: i32| 0.7 * (1.0 - 0.5 * 0.96_f64.powf(0.5 * f64::from(t)));
    *product = if t == 1 { momentum(1) } else { *product * momentum(t) };
    *m = 0.7 * *m + 0.3 * g;
    *v = 0.9 * *v + 0.1 * g * g;
    let ahead = momentum(t + 1) * *m / (1.0 - *product * momentum(t + 1))
        + (1.0 - momentum(t)) * g / (1.0 - *product);
    ahead / ((*v / (1.0 - 0.9_f64.powi(t))).sqrt() + 0.01)
}

/// Returns the step with `β₁ = 0.7`, `β₂ = 0.9`, `ε = 0.01`.
fn ademamix(g: f64, t: i32, alpha: f64, beta_3: f64, [fast, slow, v, ..]: &mut [f64; 6]) -> f64 {
    *fast = 0.7 * *fast + 0.3 * g;
    *slow = beta_3 * *slow + (1.0 - beta_3) * g;
    *v = 0.9 * *v + 0.1 * g * g;
    (*fast / (1.0 - 0.7_f64.powi(t)) + alpha * *slow) / ((*v / (1.0 - 0.9_f64.powi(t))).sqrt() + 0.01)
}

/// Returns the step with `β₁ = 0.7`, `β₂ = 0.6`, `β₃ = 0.9`, `ε = 0.01`.
fn adan(g: f64, t: i32, [m, d, n, previous, ..]: &mut [f64; 6]) -> f64 {
    let difference = if t == 1 { 0.0 } else { g - *previous };
    *previous = g;
    *m = 0.7 * *m + 0.3 * g;
    *d = 0.6 * *d + 0.4 * difference;
    *n = 0.9 * *n + 0.1 * (g + 0.6 * difference).powi(2);
    let direction = *m / (1.0 - 0.7_f64.powi(t)) + 0.6 * *d / (1.0 - 0.6_f64.powi(t));
    direction / ((*n / (1.0 - 0.9_f64.powi(t))).sqrt() + 0.01)
}

/// Returns `m / (√v + ε)` with `β₁ = 0.7`, `β₂ = 0.9`, `ε = 0.01`.
fn uncorrected_adam(g: f64, [m, v, ..]: &mut [f64; 6]) -> f64 {
    *m = 0.7 * *m + 0.3 * g;
    *v = 0.9 * *v + 0.1 * g * g;
    *m / (v.sqrt() + 0.01)
}

/// Returns the new parameter, with the given power of the rate, its offset, and both penalties.
fn ftrl(theta: f64, g: f64, lr: f64, [power, beta, l1, l2]: [f64; 4], [z, n, ..]: &mut [f64; 6]) -> f64 {
    let before = n.powf(power);
    *n += g * g;
    *z += g - (n.powf(power) - before) / lr * theta;
    if z.abs() <= l1 { 0.0 } else { (z.signum() * l1 - *z) / ((beta + n.sqrt()) / lr + l2) }
}

/// Returns the step with `β₁ = 0.7`, `β₂ = 0.9`, `ε = 0.01`, for which `ρ∞` is 19.
fn radam(g: f64, t: i32, [m, v, ..]: &mut [f64; 6]) -> f64 {
    *m = 0.7 * *m + 0.3 * g;
    *v = 0.9 * *v + 0.1 * g * g;
    let mean = *m / (1.0 - 0.7_f64.powi(t));
    let decayed = 0.9_f64.powi(t);
    let rho = 19.0 - 2.0 * f64::from(t) * decayed / (1.0 - decayed);
    if rho <= 5.0 {
        return mean;
    }
    let r = ((rho - 4.0) * (rho - 2.0) * 19.0 / (15.0 * 17.0 * rho)).sqrt();
    r * mean * (1.0 - decayed).sqrt() / (v.sqrt() + 0.01)
}

/// Returns `m̂ / (√v̂ + ε)` with `β₁ = 0.7`, `β₂ = 0.9`, `ε = 0.01`.
fn adam(g: f64, t: i32, amsgrad: bool, [m, v, largest, ..]: &mut [f64; 6]) -> f64 {
    *m = 0.7 * *m + 0.3 * g;
    *v = 0.9 * *v + 0.1 * g * g;
    *largest = largest.max(*v);
    let v = if amsgrad { *largest } else { *v };
    *m / (1.0 - 0.7_f64.powi(t)) / ((v / (1.0 - 0.9_f64.powi(t))).sqrt() + 0.01)
}
