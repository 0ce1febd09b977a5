//! [`StatisticsAverage`] by itself: which statistics it recomputes, and which it keeps.

use burn::nn::{BatchNorm, BatchNormConfig, LinearConfig};
use burn::tensor::{Device, Tensor};
use optlab_optim::StatisticsAverage;

fn device() -> Device {
    optlab_train::device::open("flex").unwrap().autodiff()
}

fn batch(rows: &[f32]) -> Tensor<2> {
    Tensor::<1>::from_floats(rows, &device()).reshape([rows.len(), 1])
}

fn statistics(layer: &BatchNorm) -> [f32; 2] {
    [layer.running_mean.value_sync().into_scalar(), layer.running_var.value_sync().into_scalar()]
}

/// Returns a layer with statistics of one pass.
fn trained(momentum: f64) -> BatchNorm {
    let layer = BatchNormConfig::new(1).with_momentum(momentum).init(&device());
    let _outputs = layer.forward(batch(&[2.0, 4.0]));
    layer
}

#[test]
fn a_model_without_statistics_has_none_to_recompute() {
    let linear = LinearConfig::new(3, 2).init(&device());
    assert!(StatisticsAverage::new(&linear).is_none());
}

#[test]
fn the_mean_over_the_passes_does_not_depend_on_the_layers_momentum_nor_on_its_statistics() {
    for momentum in [1e-4, 0.1, 0.5, 0.999, 1.0] {
        let layer = trained(momentum);
        let before = statistics(&layer);
        let mut average = StatisticsAverage::new(&layer).unwrap();
        // Means 1, 1e6 and −3; variances 1, 4 and 0.
        for rows in [[0.0, 2.0], [1e6 - 2.0, 1e6 + 2.0], [-3.0, -3.0]] {
            average.pass(|layer: &BatchNorm| _ = layer.forward(batch(&rows)));
        }
        let [mean, variance] = statistics(&average.finish());
        let tolerance = 1e-6 + 1e-7 / momentum;
        assert!((f64::from(mean) * 3.0 / 999_998.0 - 1.0).abs() < tolerance, "{momentum}: {mean}");
        assert!((f64::from(variance) * 3.0 / 5.0 - 1.0).abs() < 1e-3, "{momentum}: {variance}");
        assert_eq!(statistics(&layer), before, "{momentum}");
    }
}

#[test]
fn statistics_that_the_passes_do_not_update_stay_the_trained_ones() {
    let layer = trained(0.5);
    let before = statistics(&layer);
    assert_ne!(before, [0.0, 1.0]);
    assert_eq!(statistics(&StatisticsAverage::new(&layer).unwrap().finish()), before);
    let mut unused = StatisticsAverage::new(&layer).unwrap();
    unused.pass(|_| ());
    assert_eq!(statistics(&unused.finish()), before);
    let fixed = BatchNormConfig::new(1).with_momentum(0.0).init(&device());
    let mut average = StatisticsAverage::new(&fixed).unwrap();
    average.pass(|layer: &BatchNorm| _ = layer.forward(batch(&[5.0, 9.0])));
    assert_eq!(statistics(&average.finish()), [0.0, 1.0]);
}
