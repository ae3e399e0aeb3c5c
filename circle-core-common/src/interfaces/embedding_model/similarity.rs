//! How near two vectors are.

/// As many sums at a time as fill the widest registers; the order of additions is the same on every machine.
const LANES: usize = 16;

fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| term(*a, *b)).sum::<f32>();
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The same where a sum of `f32` overflows, and could end as no number, which ranks above all others.
#[cold]
fn wide_sum(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    a.iter().zip(b).map(|(a, b)| term(f64::from(*a), f64::from(*b))).sum()
}

fn wide_dot(a: &[f32], b: &[f32]) -> f64 {
    wide_sum(a, b, |a, b| a * b)
}

/// The dot product; NaN of vectors of different widths, which have none.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::NAN;
    }
    let dot = sum(a, b, |a, b| a * b);
    if dot.is_finite() { dot } else { wide_dot(a, b) as f32 }
}

/// The length.
#[must_use]
pub fn norm(a: &[f32]) -> f32 {
    let square = sum(a, a, |a, b| a * b);
    if square.is_finite() { square.sqrt() } else { wide_dot(a, a).sqrt() as f32 }
}

/// The cosine of the angle between them, from -1 to 1; 0 where one of them has no direction, NaN of vectors of
/// different widths.
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let (dot, norms) = (dot(a, b), norm(a) * norm(b));
    if norms.is_normal() && dot.is_finite() {
        return (dot / norms).clamp(-1.0, 1.0);
    }
    if a.len() != b.len() {
        return f32::NAN;
    }
    // Very long or very short ones have a direction, too.
    match wide_dot(a, a).sqrt() * wide_dot(b, b).sqrt() {
        0.0 => 0.0,
        norms => (wide_dot(a, b) / norms).clamp(-1.0, 1.0) as f32,
    }
}

/// The straight distance between them; NaN of vectors of different widths.
#[must_use]
pub fn distance(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::NAN;
    }
    let square = sum(a, b, |a, b| (a - b) * (a - b));
    if square.is_finite() { square.sqrt() } else { wide_sum(a, b, |a, b| (a - b) * (a - b)).sqrt() as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_cases_are_exact() {
        assert_eq!((dot(&[1.0, 2.0], &[3.0, 4.0]), norm(&[3.0, 4.0]), distance(&[1.0, 1.0], &[4.0, 5.0])), (11.0, 5.0, 5.0));
        assert_eq!((cosine(&[1.0, 0.0], &[0.0, 2.0]), cosine(&[2.0, 0.0], &[-3.0, 0.0])), (0.0, -1.0));
        assert_eq!((cosine(&[0.0, 0.0], &[1.0, 0.0]), dot(&[], &[])), (0.0, 0.0));
        for nearness in [dot, cosine, distance] {
            assert!(nearness(&[1.0], &[1.0, 2.0]).is_nan() && nearness(&[], &[1.0]).is_nan());
        }
    }

    #[test]
    fn very_long_and_very_short_vectors_are_never_no_number() {
        let (long, short) = (vec![1e30_f32; 40], vec![1e-30_f32; 40]);
        let crossed: Vec<f32> = (0..40).map(|at| if at % 2 == 0 { 1e30 } else { -1e30 }).collect();
        for one in [&long, &short] {
            for other in [&long, &short] {
                assert!((cosine(one, other) - 1.0).abs() < 1e-6);
            }
            assert_eq!(cosine(one, &crossed), 0.0);
        }
        assert_eq!((dot(&long, &crossed), dot(&long, &long)), (0.0, f32::INFINITY));
        assert!((norm(&long) / 1e30 - 40_f32.sqrt()).abs() < 1e-5 && (distance(&long, &short) / norm(&long) - 1.0).abs() < 1e-5);
        assert!(dot(&[f32::NAN], &[1.0]).is_nan());
    }

    proptest! {
        #[test]
        fn lanes_give_what_one_sum_gives(pairs in prop::collection::vec((-8_i8..8, -8_i8..8), 0..100)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().map(|(a, b)| (f32::from(*a), f32::from(*b))).unzip();
            // Of small integers every sum is exact, in any order.
            let plain: i32 = pairs.iter().map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            prop_assert_eq!(dot(&a, &b), plain as f32);
            let squares: i32 = pairs.iter().map(|(a, b)| (i32::from(*a) - i32::from(*b)).pow(2)).sum();
            prop_assert_eq!(distance(&a, &b), (squares as f32).sqrt());
        }
    }
}
