use super::*;

/// Returns a 3 × 4 image with the values 1 to 12.
fn image() -> Vec<f32> {
    (1..=12).map(|i| i as f32).collect()
}

/// Returns every change at once.
fn all() -> Augmentation {
    Augmentation { shift: 1, rotation: 20.0, flip: Flip::Both, crop: 0.3, color: 0.4 }
}

/// Returns each change alone, and all at once.
fn each() -> [Augmentation; 7] {
    let none = Augmentation::default();
    [
        Augmentation { shift: 1, ..none },
        Augmentation { rotation: 20.0, ..none },
        Augmentation { flip: Flip::Horizontal, ..none },
        Augmentation { flip: Flip::Both, ..none },
        Augmentation { crop: 0.3, ..none },
        Augmentation { color: 0.4, ..none },
        all(),
    ]
}

#[test]
fn seed_and_step_decide_the_moves_and_each_image_has_its_own() {
    let augmentation = Augmentation { shift: 1, rotation: 20.0, ..Augmentation::default() };
    for augmentation in [augmentation, all()] {
        let augmented = |seed, step| {
            let mut inputs = [image(), image()].concat();
            Augmenter::new(augmentation, seed, &[1, 3, 4]).augment(&mut inputs, step, 0);
            inputs
        };
        assert_eq!(augmented(1, 5), augmented(1, 5));
        assert_ne!(augmented(1, 5), augmented(1, 6));
        assert_ne!(augmented(1, 5), augmented(2, 5));
        let pair = augmented(1, 5);
        assert_ne!(pair[..12], pair[12..]);
    }
}

#[test]
fn all_channels_of_an_image_move_as_one() {
    for augmentation in each() {
        let mut inputs = [image(), image()].concat();
        let mut is_changed = false;
        for step in 0..10 {
            Augmenter::new(augmentation, 1, &[2, 3, 4]).augment(&mut inputs, step, 0);
            assert_eq!(inputs[..12], inputs[12..]);
            is_changed |= inputs[..12] != image();
        }
        assert!(is_changed, "{augmentation:?}");
    }
}

#[test]
fn a_shift_stays_within_its_limit_and_uses_it() {
    // The mean position of a small blob tells how far it was moved.
    let (mut least, mut most) = (0.0_f64, 0.0_f64);
    let shift = Augmentation { shift: 3, ..Augmentation::default() };
    let mut augmenter = Augmenter::new(shift, 1, &[1, 1, 15]);
    for step in 0..500 {
        let mut inputs = vec![0.0; 15];
        inputs[7] = 1.0;
        // Vertical moves take ink out of a single row, so the position is divided by the remaining ink.
        augmenter.augment(&mut inputs, step, 0);
        let ink: f64 = inputs.iter().map(|&v| f64::from(v)).sum();
        if ink > 0.0 {
            let position: f64 = inputs.iter().enumerate().map(|(i, &v)| i as f64 * f64::from(v)).sum();
            least = least.min(position / ink - 7.0);
            most = most.max(position / ink - 7.0);
        }
    }
    assert!((-3.0001..-2.7).contains(&least) && (2.7..3.0001).contains(&most), "{least} {most}");
}

#[test]
fn shift_and_rotation_give_the_images_of_the_version_before_flip_crop_and_color() {
    // The bits that commit 46171e5, which had `shift` and `rotation` alone, gave for these inputs.
    let cases: [(u32, f64, u64, usize, [u32; 36]); 3] = [
        (
            1,
            0.0,
            3,
            0,
            [
                0x3e5aa5bb, 0x3f65c7a8, 0x3f08c05b, 0x3def4f76, 0x3f4c2e0f, 0x3ede4d84, 0x3ca54dd8,
                0x3e2603f2, 0x3db0af6f, 0x3f43d2ad, 0x3f20652f, 0x3e6fce3a, 0x3f63e5ee, 0x3f08c05b,
                0x3e0967d4, 0x3e39f793, 0x3ddb6f17, 0x3cc1c1d1, 0x3e90edc3, 0x3de2daad, 0, 0x3f1d34bf,
                0x3ec43ddd, 0x3e8dc8ac, 0x3f039b26, 0x3f01c3f3, 0x3f1d7e42, 0x3e1d88e2, 0x3e1a5d07,
                0x3e62daad, 0x3ea0cfe6, 0x3e9d2180, 0x3ef92746, 0x3ec43ddd, 0x3f02f252, 0x3ed83ca8,
            ],
        ),
        (
            0,
            30.0,
            3,
            7,
            [
                0x3ebd36c6, 0x3f6bf46c, 0x3ef54468, 0x3e6d96f0, 0x3f666666, 0x3ef9fd51, 0x3dccf072,
                0x3f2b04d8, 0x3eccf073, 0x3df8910c, 0x3f1f27a0, 0x3e6c63cc, 0x3f4e2be1, 0x3f19999a,
                0x3e40c770, 0x3f430c11, 0x3f140b93, 0x3e1bbbe0, 0x3ebb73f3, 0x3e859b9e, 0x3ec27a68,
                0x3f333b48, 0x3e99999a, 0x3f5f00ac, 0x3eda6186, 0x3ecc8bfd, 0x3ea243d7, 0x3e2ff904,
                0x3ed5795b, 0x3ef5cbe0, 0x3eccdcf6, 0, 0x3f21ae13, 0x3e6dd42b, 0x3f1d5fe1, 0x3f0a5cb9,
            ],
        ),
        (
            2,
            15.0,
            9,
            1000,
            [
                0x3f076559, 0, 0, 0x3f027667, 0x3cd1439e, 0, 0x3ee4a890, 0x3d827b1f, 0, 0x3e857670, 0, 0,
                0x3e56a66b, 0x3c1bc227, 0, 0x3e2944a1, 0x3c827b1f, 0, 0x3d2e6a10, 0, 0, 0x3f10bc32,
                0x3e196f65, 0, 0x3ec5a735, 0x3f32d23b, 0x3e25e90b, 0x3cbc2331, 0, 0, 0x3e87decb, 0x3ed22bfe,
                0x3e7383e9, 0x3dd978fa, 0x3f0c751e, 0x3e46bd98,
            ],
        ),
    ];
    for (shift, rotation, seed, step, expected) in cases {
        let augmentation = Augmentation { shift, rotation, ..Augmentation::default() };
        let mut inputs: Vec<f32> = (0..36).map(|i| ((i * 7 + 3) % 11) as f32 / 10.0).collect();
        Augmenter::new(augmentation, seed, &[2, 3, 3]).augment(&mut inputs, step, 0);
        let bits: Vec<u32> = inputs.iter().map(|value| value.to_bits()).collect();
        assert_eq!(bits, expected, "{augmentation:?}");
    }
}

#[test]
fn a_part_of_a_batch_is_augmented_as_in_the_whole_batch() {
    for augmentation in each() {
        for shape in [[1, 3, 4], [3, 2, 2]] {
            let inputs: Vec<f32> = image().repeat(7);
            let mut augmenter = Augmenter::new(augmentation, 5, &shape);
            let mut whole = inputs.clone();
            augmenter.augment(&mut whole, 9, 0);
            for (first, last) in [(0, 3), (3, 6), (6, 7), (2, 7)] {
                let mut part = inputs[first * 12..last * 12].to_vec();
                augmenter.augment(&mut part, 9, first);
                assert_eq!(part, whole[first * 12..last * 12], "{augmentation:?} {first}");
            }
        }
    }
}

#[test]
fn a_flip_is_one_of_the_mirror_images_each_equally_likely() {
    let horizontal = [4.0, 3.0, 2.0, 1.0, 8.0, 7.0, 6.0, 5.0, 12.0, 11.0, 10.0, 9.0];
    let vertical = [9.0, 10.0, 11.0, 12.0, 5.0, 6.0, 7.0, 8.0, 1.0, 2.0, 3.0, 4.0];
    let turned = [12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0];
    let counts = |flip, mirrors: &[Vec<f32>]| {
        let mut inputs = image().repeat(4000);
        let augmentation = Augmentation { flip, ..Augmentation::default() };
        Augmenter::new(augmentation, 1, &[1, 3, 4]).augment(&mut inputs, 0, 0);
        let mut counts = vec![0; mirrors.len()];
        for image in inputs.chunks_exact(12) {
            counts[mirrors.iter().position(|mirror| mirror == image).unwrap()] += 1;
        }
        counts
    };
    // 2000 and 1000 expected; five standard deviations of a binomial are 158 and 137.
    let halves = counts(Flip::Horizontal, &[image(), horizontal.to_vec()]);
    assert!(halves.iter().all(|count| (1842..2158).contains(count)), "{halves:?}");
    let quarters = counts(Flip::Both, &[image(), horizontal.to_vec(), vertical.to_vec(), turned.to_vec()]);
    assert!(quarters.iter().all(|count| (863..1137).contains(count)), "{quarters:?}");
}

#[test]
fn a_crop_stays_within_the_image_and_keeps_its_share_of_each_side() {
    // A ramp along each side tells which part of the side was kept: the difference of the outermost values.
    let side = 50;
    let ramp: Vec<f32> = (0..side * side).map(|i| (i % side) as f32).collect();
    let crop = Augmentation { crop: 0.4, ..Augmentation::default() };
    let mut inputs = ramp.repeat(500);
    Augmenter::new(crop, 1, &[1, side, side]).augment(&mut inputs, 0, 0);
    let (mut least, mut most) = (f32::INFINITY, 0.0_f32);
    for image in inputs.chunks_exact(side * side) {
        assert!(image.iter().all(|value| (0.0..=49.0).contains(value)));
        let kept = (image[side - 2] - image[1]) / (side as f32 - 3.0);
        (least, most) = (least.min(kept), most.max(kept));
    }
    assert!((0.599..0.61).contains(&least) && (0.99..1.001).contains(&most), "{least} {most}");
}

#[test]
fn a_crop_takes_height_and_width_and_their_places_apart() {
    // The first channel rises to the right, the second downwards, both by 1 per pixel.
    let (side, last) = (21, 20.0);
    let area = side * side;
    let image: Vec<f32> =
        (0..2 * area).map(|i| if i < area { i % side } else { (i - area) / side } as f32).collect();
    let crop = Augmentation { crop: 0.5, ..Augmentation::default() };
    let mut inputs = image.repeat(100);
    Augmenter::new(crop, 1, &[2, side, side]).augment(&mut inputs, 0, 0);
    let (mut same_side, mut same_place) = (0, 0);
    for image in inputs.chunks_exact(2 * area) {
        let (across, down) = image.split_at(area);
        let width = (across[side - 2] - across[1]) / (last - 2.0);
        let height = (down[area - 2 * side] - down[side]) / (last - 2.0);
        same_side += usize::from((width - height).abs() < 1e-3);
        let (x, y) = (across[area / 2] - last / 2.0, down[area / 2] - last / 2.0);
        same_place += usize::from((x / (1.0 - width) - y / (1.0 - height)).abs() < 1e-2);
    }
    assert!(same_side < 10 && same_place < 10, "{same_side} {same_place}");
}

#[test]
fn a_crop_lies_anywhere_in_the_image() {
    let ramp: Vec<f32> = (0..101).map(|i| i as f32).collect();
    let crop = Augmentation { crop: 0.5, ..Augmentation::default() };
    for shape in [[1, 1, 101], [1, 101, 1]] {
        let mut inputs = ramp.repeat(2000);
        Augmenter::new(crop, 1, &shape).augment(&mut inputs, 0, 0);
        // The middle lies between a quarter and three quarters, on average in the middle.
        let middles: Vec<f32> = inputs.chunks_exact(101).map(|image| image[50]).collect();
        let mean = middles.iter().sum::<f32>() / 2000.0;
        let least = middles.iter().copied().fold(f32::INFINITY, f32::min);
        let most = middles.iter().copied().fold(0.0, f32::max);
        assert!((49.0..51.0).contains(&mean) && (25.0..30.0).contains(&least), "{mean} {least}");
        assert!((70.0..75.0).contains(&most), "{most}");
    }
}

#[test]
fn colours_change_by_up_to_their_strength() {
    // A constant grey image has no contrast and no saturation: it shows the brightness alone.
    let strength = Augmentation { color: 0.3, ..Augmentation::default() };
    let mut inputs = vec![0.5; 12 * 1000];
    Augmenter::new(strength, 1, &[3, 2, 2]).augment(&mut inputs, 0, 0);
    let least = inputs.iter().copied().fold(f32::INFINITY, f32::min);
    let most = inputs.iter().copied().fold(0.0, f32::max);
    assert!((0.3499..0.36).contains(&least) && (0.64..0.6501).contains(&most), "{least} {most}");
}

#[test]
fn brightness_contrast_and_saturation_are_drawn_apart_and_use_their_range() {
    let strength = Augmentation { color: 0.5, ..Augmentation::default() };
    let mut augmenter = Augmenter::new(strength, 1, &[3, 1, 2]);
    let mut factors = Vec::new();
    for step in 0..300 {
        // Red and cyan pixels: their grey values 0.299 and 0.701, apart by the contrast.
        let mut image = vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        augmenter.augment(&mut image, step, 0);
        let grey = |pixel: usize| 0.299 * image[pixel] + 0.587 * image[2 + pixel] + 0.114 * image[4 + pixel];
        let brightness = grey(0) + grey(1);
        let contrast = (grey(1) - grey(0)) / (0.402 * brightness);
        let saturation = (image[0] - image[2]) / (brightness * contrast);
        factors.push([brightness, contrast, saturation]);
    }
    for which in 0..3 {
        let least = factors.iter().map(|factors| factors[which]).fold(f32::INFINITY, f32::min);
        let most = factors.iter().map(|factors| factors[which]).fold(0.0, f32::max);
        assert!((0.499..0.52).contains(&least) && (1.48..1.501).contains(&most), "{which}: {least} {most}");
        let other = (which + 1) % 3;
        let equal = factors.iter().filter(|factors| (factors[which] - factors[other]).abs() < 1e-3).count();
        assert!(equal < 10, "{which}");
    }
}
