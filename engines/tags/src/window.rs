//! What is made of a window of samples. Pure; samples are finite, results are too or there are none.

use crate::template::Derived;

/// Nothing where there is no such number: of no samples, or the kurtosis of samples that are all alike.
pub(crate) fn derive(what: Derived, samples: &[f64]) -> Option<f64> {
    if samples.is_empty() {
        return None;
    }
    let value = match what {
        Derived::Rms => mean(samples.iter().map(|sample| sample * sample)).sqrt(),
        Derived::Peak => samples.iter().fold(0.0, |peak: f64, sample| peak.max(sample.abs())),
        Derived::Kurtosis => kurtosis(samples)?,
    };
    value.is_finite().then_some(value)
}

/// m4 / m2^2 about the mean.
fn kurtosis(samples: &[f64]) -> Option<f64> {
    let centre = mean(samples.iter().copied());
    let second = mean(samples.iter().map(|sample| (sample - centre).powi(2)));
    let fourth = mean(samples.iter().map(|sample| (sample - centre).powi(4)));
    (second > 0.0).then(|| fourth / (second * second))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let many = values.len() as f64;
    values.sum::<f64>() / many
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_has_the_known_rms_peak_and_kurtosis() {
        let wave: Vec<f64> =
            (0..1000).map(|at| (f64::from(at) * std::f64::consts::TAU / 100.0).sin()).collect();
        let [rms, peak, kurtosis] = Derived::ALL.map(|what| derive(what, &wave).unwrap());
        assert!(
            (rms - 0.5_f64.sqrt()).abs() < 1e-9 && (peak - 1.0).abs() < 1e-9 && (kurtosis - 1.5).abs() < 1e-9
        );
    }

    #[test]
    fn one_shock_in_silence_has_a_high_kurtosis() {
        let mut window = vec![0.0; 1000];
        window[500] = -8.0;
        assert_eq!(derive(Derived::Peak, &window), Some(8.0));
        assert!(derive(Derived::Kurtosis, &window).unwrap() > 900.0);
    }

    #[test]
    fn what_is_no_number_is_none() {
        assert_eq!(derive(Derived::Rms, &[]), None);
        assert_eq!(derive(Derived::Kurtosis, &[2.0, 2.0]), None);
        assert_eq!(derive(Derived::Rms, &[f64::MAX, f64::MAX]), None);
    }
}
