//! Fully connected layers for scoring, on weights as they lie in a file: `[outputs, inputs]`.
//!
//! A layer's output is a table of dot products of neighbouring values, for one row as for many, and
//! every one is added up in the same order: a row has the same bits alone and among others.

use std::array::from_fn;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::layer::Activation;
use crate::io::transposed;

/// Sums that a dot product is made of: number i sums the products i, i + 16, i + 32, …
const SUMS: usize = 16;
/// Outputs that one task computes.
const OUTPUT_TILE: usize = 64;

/// A layer's output `[rows, outputs]` for `input`, `[rows, inputs]`.
pub(super) fn linear(weight: &[f32], bias: &[f32], input: &[f32], after: Activation) -> Vec<f32> {
    let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
    let rows = input.len() / inputs;
    let mut output = vec![0.0; outputs * rows]; // [outputs, rows]
    let tiles = output.par_chunks_mut(OUTPUT_TILE * rows);
    let tiles =
        tiles.zip(weight.par_chunks(OUTPUT_TILE * inputs)).zip(bias.par_chunks(OUTPUT_TILE));
    tiles.for_each(|((output, weight), bias)| {
        Arch::new().dispatch(Dots { weight, input, inputs, products: output });
        for (output, bias) in output.chunks_exact_mut(rows).zip(bias) {
            match after {
                Activation::Relu => output.iter_mut().for_each(|v| *v = (*v + bias).max(0.0)),
                Activation::None => output.iter_mut().for_each(|v| *v += bias),
            }
        }
    });
    if rows == 1 { output } else { transposed(&output, rows) }
}

/// The dot product of each row of `weight` with each of `input`.
struct Dots<'a> {
    /// `[outputs, inputs]`
    weight: &'a [f32],
    /// `[rows, inputs]`
    input: &'a [f32],
    inputs: usize,
    /// `[outputs, rows]`
    products: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many sums at once as there are registers for.
        match S::F32_LANES {
            SUMS => self.blocks::<S, 1, 4, 6>(simd),
            8 => self.blocks::<S, 2, 2, 3>(simd),
            4 => self.blocks::<S, 4, 2, 3>(simd),
            _ => self.blocks::<S, SUMS, 1, 1>(simd),
        }
    }
}

impl Dots<'_> {
    /// All products, those of `HEIGHT` rows of weights and `WIDTH` rows of input together; a dot
    /// product's sums fill `VECTORS` vectors.
    #[inline(always)]
    fn blocks<S: Simd, const VECTORS: usize, const HEIGHT: usize, const WIDTH: usize>(
        self,
        simd: S,
    ) {
        let Self { weight, input, inputs, products } = self;
        let (outputs, rows) = (weight.len() / inputs, input.len() / inputs);
        let mut output = 0;
        while output < outputs {
            let height = if outputs - output >= HEIGHT { HEIGHT } else { 1 };
            let weight = &weight[output * inputs..][..height * inputs];
            let products = &mut products[output * rows..][..height * rows];
            let mut row = 0;
            while row < rows {
                let width = if rows - row >= WIDTH { WIDTH } else { 1 };
                let input = &input[row * inputs..][..width * inputs];
                let products = &mut products[row..];
                match (height == HEIGHT, width == WIDTH) {
                    (true, true) => {
                        block::<S, VECTORS, HEIGHT, WIDTH>(simd, weight, input, products, rows)
                    }
                    (true, false) => {
                        block::<S, VECTORS, HEIGHT, 1>(simd, weight, input, products, rows)
                    }
                    (false, true) => {
                        block::<S, VECTORS, 1, WIDTH>(simd, weight, input, products, rows)
                    }
                    (false, false) => {
                        block::<S, VECTORS, 1, 1>(simd, weight, input, products, rows)
                    }
                }
                row += width;
            }
            output += height;
        }
    }
}

/// The dot product of each of `HEIGHT` rows of weights with each of `WIDTH` rows of input, to
/// `products`, whose rows are `stride` apart.
#[inline(always)]
fn block<S: Simd, const VECTORS: usize, const HEIGHT: usize, const WIDTH: usize>(
    simd: S,
    weight: &[f32],
    input: &[f32],
    products: &mut [f32],
    stride: usize,
) {
    let inputs = weight.len() / HEIGHT;
    let whole = inputs / SUMS;
    let weights: [&[[f32; SUMS]]; HEIGHT] =
        from_fn(|row| &weight[row * inputs..][..inputs].as_chunks().0[..whole]);
    let rows: [&[[f32; SUMS]]; WIDTH] =
        from_fn(|row| &input[row * inputs..][..inputs].as_chunks().0[..whole]);
    let mut sums = [[[simd.splat_f32s(0.0); VECTORS]; WIDTH]; HEIGHT];
    for at in 0..whole {
        add::<S, VECTORS, HEIGHT, WIDTH>(
            simd,
            from_fn(|row| &weights[row][at]),
            from_fn(|row| &rows[row][at]),
            &mut sums,
        );
    }
    if whole * SUMS < inputs {
        let rest = |values: &[f32], row: usize| {
            let mut padded = [0.0; SUMS];
            let rest = &values[row * inputs..][whole * SUMS..inputs];
            padded[..rest.len()].copy_from_slice(rest);
            padded
        };
        let weights: [[f32; SUMS]; HEIGHT] = from_fn(|row| rest(weight, row));
        let rows: [[f32; SUMS]; WIDTH] = from_fn(|row| rest(input, row));
        add::<S, VECTORS, HEIGHT, WIDTH>(simd, weights.each_ref(), rows.each_ref(), &mut sums);
    }
    // All stored at once: otherwise the compiler puts every sum aside at each step.
    let mut stored = [[[0.0; SUMS]; WIDTH]; HEIGHT];
    for (to, sums) in stored.iter_mut().zip(&sums) {
        for (to, sums) in to.iter_mut().zip(sums) {
            S::as_mut_simd_f32s(to).0.copy_from_slice(sums);
        }
    }
    for (y, sums) in stored.into_iter().enumerate() {
        for (x, sums) in sums.into_iter().enumerate() {
            products[y * stride + x] = total(sums);
        }
    }
}

/// Adds the products of 16 neighbouring inputs.
#[inline(always)]
fn add<S: Simd, const VECTORS: usize, const HEIGHT: usize, const WIDTH: usize>(
    simd: S,
    weights: [&[f32; SUMS]; HEIGHT],
    rows: [&[f32; SUMS]; WIDTH],
    sums: &mut [[[S::f32s; VECTORS]; WIDTH]; HEIGHT],
) {
    for index in 0..VECTORS {
        let mut of_rows = [simd.splat_f32s(0.0); WIDTH];
        for (to, row) in of_rows.iter_mut().zip(rows) {
            *to = vector::<S>(row, index);
        }
        for (sums, weight) in sums.iter_mut().zip(weights) {
            let weight = vector::<S>(weight, index);
            for (sums, row) in sums.iter_mut().zip(&of_rows) {
                sums[index] = simd.mul_add_e_f32s(weight, *row, sums[index]);
            }
        }
    }
}

/// Vector number `index` of 16 values.
#[inline(always)]
fn vector<S: Simd>(values: &[f32; SUMS], index: usize) -> S::f32s {
    S::as_simd_f32s(values).0[index]
}

/// The total of a dot product's sums, halves onto halves.
#[inline(always)]
fn total(mut sums: [f32; SUMS]) -> f32 {
    let mut count = SUMS / 2;
    while count > 0 {
        for index in 0..count {
            sums[index] += sums[index + count];
        }
        count /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|index| (index as f32 * step).sin()).collect()
    }

    #[test]
    fn outputs_are_those_of_the_definition_and_a_row_has_the_same_bits_alone() {
        // Widths that no block divides, and the fewest.
        for (inputs, outputs, rows) in [(37, 70, 14), (1, 1, 1), (16, 4, 6), (300, 65, 2)] {
            let (weight, bias) = (values(outputs * inputs, 0.7), values(outputs, 0.3));
            let input = values(rows * inputs, 1.1);
            let found = linear(&weight, &bias, &input, Activation::None);
            for (row, found) in input.chunks(inputs).zip(found.chunks(outputs)) {
                for ((weight, bias), found) in weight.chunks(inputs).zip(&bias).zip(found) {
                    let products = weight.iter().zip(row).map(|(w, x)| f64::from(w * x));
                    let expected = products.sum::<f64>() + f64::from(*bias);
                    assert!((f64::from(*found) - expected).abs() < 1e-4, "{found}, {expected}");
                }
                assert_eq!(linear(&weight, &bias, row, Activation::None), found);
                let positive: Vec<f32> = found.iter().map(|v| v.max(0.0)).collect();
                assert_eq!(linear(&weight, &bias, row, Activation::Relu), positive);
            }
        }
    }
}
