use std::time::Instant;
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rayon::prelude::*;
fn main() {
    let b = 96;
    let arg = |i: usize, d: usize| std::env::args().nth(i).map_or(d, |s| s.parse().unwrap());
    let n: usize = arg(1, 2048);
    let tile: usize = arg(2, 256);
    let layers = 12 * 2048 * 2048 / n / n; // different matrices, so that caches are cold
    let flop = 2.0 * (b * n * n * layers) as f64;
    let ws: Vec<Vec<f32>> = (0..layers).map(|l| (0..n * n).map(|i| ((i * 7 + l) % 13) as f32 * 0.1 - 0.6).collect()).collect();
    let x: Vec<f32> = (0..b * n).map(|i| (i % 11) as f32 * 0.1 - 0.5).collect();
    let mut out = vec![0.0f32; b * n];
    let mut dw = vec![0.0f32; n * n];
    let mut time = |name: &str, f: &mut dyn FnMut(&[f32], bool)| {
        for par in [false, true] {
            let mut best = f64::MAX;
            for _ in 0..3 {
                let t = Instant::now();
                for w in &ws { f(w, par); }
                best = best.min(t.elapsed().as_secs_f64());
            }
            println!("{name} par={par} {:.1} GFLOPS ({:.2} ms per layer)", flop / best / 1e9, best * 1e3 / layers as f64);
        }
    };
    fn each(par: bool, v: &mut [f32], n: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
        if par { v.par_chunks_mut(n).enumerate().for_each(|(i, c)| f(i, c)); } else { v.chunks_mut(n).enumerate().for_each(|(i, c)| f(i, c)); }
    }
    // features-major activations: x [n, b]
    time("FM  H=W X   W[out,in]", &mut |w, par| each(par, &mut out, tile * b, |i, c| {
        let rows = c.len() / b;
        matmul(MatMut::from_row_major_slice_mut(c, rows, b), Accum::Replace, MatRef::from_row_major_slice(&w[i * tile * n..][..rows * n], rows, n), MatRef::from_row_major_slice(&x, n, b), 1.0f32, Par::Seq);
    }));
    time("FM  dX=W'dH W[out,in]", &mut |w, par| each(par, &mut out, tile * b, |i, c| {
        let rows = c.len() / b;
        let w = MatRef::from_row_major_slice(w, n, n).transpose().subrows(i * tile, rows);
        matmul(MatMut::from_row_major_slice_mut(c, rows, b), Accum::Replace, w, MatRef::from_row_major_slice(&x, n, b), 1.0f32, Par::Seq);
    }));
    // batch-major, one slice of columns per task is not contiguous: split the columns of a view.
    time("BM  H=X W   W[in,out]", &mut |w, par| {
        fn go(dst: MatMut<'_, f32>, start: usize, w: &[f32], x: &[f32], n: usize, b: usize, tile: usize, par: bool) {
            let cols = dst.ncols();
            if cols <= tile || !par {
                let w = MatRef::from_row_major_slice(w, n, n).subcols(start, cols);
                matmul(dst, Accum::Replace, MatRef::from_row_major_slice(x, b, n), w, 1.0f32, Par::Seq);
            } else {
                let (l, r) = dst.split_at_col_mut(cols / 2);
                rayon::join(|| go(l, start, w, x, n, b, tile, par), || go(r, start + cols / 2, w, x, n, b, tile, par));
            }
        }
        go(MatMut::from_row_major_slice_mut(&mut out, b, n), 0, w, &x, n, b, tile, par);
    });
    let mut out2 = vec![0.0f32; b * n];
    let mut time = |name: &str, f: &mut dyn FnMut(&[f32], bool)| {
        for par in [false, true] {
            let mut best = f64::MAX;
            for _ in 0..3 {
                let t = Instant::now();
                for w in &ws { f(w, par); }
                best = best.min(t.elapsed().as_secs_f64());
            }
            println!("{name} par={par} {:.1} GFLOPS ({:.2} ms per layer)", flop / best / 1e9, best * 1e3 / layers as f64);
        }
    };
    time("BM  dX=dH W' W[in,out]", &mut |w, par| {
        fn go(dst: MatMut<'_, f32>, start: usize, w: &[f32], x: &[f32], n: usize, b: usize, tile: usize, par: bool) {
            let cols = dst.ncols();
            if cols <= tile || !par {
                let w = MatRef::from_row_major_slice(w, n, n).transpose().subcols(start, cols);
                matmul(dst, Accum::Replace, MatRef::from_row_major_slice(x, b, n), w, 1.0f32, Par::Seq);
            } else {
                let (l, r) = dst.split_at_col_mut(cols / 2);
                rayon::join(|| go(l, start, w, x, n, b, tile, par), || go(r, start + cols / 2, w, x, n, b, tile, par));
            }
        }
        go(MatMut::from_row_major_slice_mut(&mut out2, b, n), 0, w, &x, n, b, tile, par);
    });
    for t in [32, 64, 128, 256] {
        time(&format!("FM  dW=dH X' [out,in] tile {t}"), &mut |_, par| each(par, &mut dw, t * n, |i, c| {
            let rows = c.len() / n;
            matmul(MatMut::from_row_major_slice_mut(c, rows, n), Accum::Replace, MatRef::from_row_major_slice(&x[i * t * b..][..rows * b], rows, b), MatRef::from_row_major_slice(&x, n, b).transpose(), 1.0f32, Par::Seq);
        }));
        time(&format!("BM  dW=dH' X [out,in] tile {t}"), &mut |_, par| each(par, &mut dw, t * n, |i, c| {
            let rows = c.len() / n;
            matmul(MatMut::from_row_major_slice_mut(c, rows, n), Accum::Replace, MatRef::from_row_major_slice(&x, b, n).transpose().subrows(i * t, rows), MatRef::from_row_major_slice(&x, b, n), 1.0f32, Par::Seq);
        }));
    }
    let mut m = vec![0.1f32; n * n * layers];
    let mut v = vec![0.1f32; n * n * layers];
    let mut w = vec![0.1f32; n * n * layers];
    for _ in 0..3 {
        let t = Instant::now();
        w.par_chunks_mut(65536).zip(m.par_chunks_mut(65536)).zip(v.par_chunks_mut(65536)).for_each(|((w, m), v)| {
            for ((w, m), v) in w.iter_mut().zip(m).zip(v) { *m = 0.8 * *m + 0.2 * *w; *v = 0.8 * *v + 0.2 * *w * *w; *w -= 1e-4 * *m / (v.sqrt() + 1e-4); }
        });
        let s = t.elapsed().as_secs_f64();
        println!("adam {:.2} ms per layer, {:.1} GB/s", s * 1e3 / layers as f64, (w.len() * 24) as f64 / s / 1e9);
    }
}
