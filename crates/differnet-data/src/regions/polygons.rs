//! Polygons in fractions of an image's width and height, and the pixels inside them.

use serde::{Deserialize, Serialize};

use crate::regions_error::RegionsError;

/// Most points of all polygons: each is looked at for every row of every image.
const MOST_POINTS: usize = 10_000;

/// A closed polygon; the last point is joined with the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Polygon {
    /// x and y, fractions of the image's width and height from its top left corner.
    points: Vec<[f64; 2]>,
}

/// At least one polygon, each of at least three points in 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Polygon>")]
pub(super) struct Polygons(Vec<Polygon>);

/// Contents of a TOML file of polygons.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolygonFile {
    #[serde(default)]
    polygon: Vec<Polygon>,
}

impl TryFrom<Vec<Polygon>> for Polygons {
    type Error = RegionsError;

    fn try_from(polygons: Vec<Polygon>) -> Result<Self, RegionsError> {
        if polygons.is_empty() {
            return Err(RegionsError::NoPolygon);
        }
        for (polygon, Polygon { points }) in (1..).zip(&polygons) {
            if points.len() < 3 {
                return Err(RegionsError::FewPoints { polygon, points: points.len() });
            }
            let inside = |[x, y]: &[f64; 2]| (0.0..=1.0).contains(x) && (0.0..=1.0).contains(y);
            if let Some(at) = points.iter().position(|point| !inside(point)) {
                let [x, y] = points[at];
                return Err(RegionsError::PointOutside { polygon, point: at + 1, x, y });
            }
        }
        let (points, limit) = (polygons.iter().map(|p| p.points.len()).sum(), MOST_POINTS);
        if points > limit {
            return Err(RegionsError::ManyPoints { points, limit });
        }
        Ok(Self(polygons))
    }
}

impl Polygons {
    /// The polygons in a TOML text: `[[polygon]]`, `points = [[x, y], ...]`.
    pub(super) fn from_toml(text: &[u8]) -> Result<Self, RegionsError> {
        let file: PolygonFile = toml::from_slice(text)
            .map_err(|source| RegionsError::Toml { source: Box::new(source) })?;
        file.polygon.try_into()
    }

    /// Their number.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Pixels whose centre lies in a polygon, as flags row by row.
    pub(super) fn at_size(&self, width: u32, height: u32) -> Vec<bool> {
        let mut inside = vec![false; width as usize * height as usize];
        for polygon in &self.0 {
            polygon.fill(&mut inside, width, height);
        }
        inside
    }
}

impl Polygon {
    /// Marks the pixels whose centres are inside by the even-odd rule.
    ///
    /// A centre on an edge belongs to what lies right of the edge or, if it is level, below it:
    /// polygons that share an edge share no pixel and leave none between them.
    fn fill(&self, inside: &mut [bool], width: u32, height: u32) {
        let (columns, rows) = (f64::from(width), f64::from(height));
        let corners: Vec<[f64; 2]> =
            self.points.iter().map(|[x, y]| [x * columns, y * rows]).collect(); // in pixels
        let mut crossings = Vec::new();
        for (y, row) in (0..height).zip(inside.chunks_exact_mut(width as usize)) {
            let center = f64::from(y) + 0.5;
            let edges = corners.iter().zip(corners.iter().cycle().skip(1));
            crossings.clear();
            crossings.extend(edges.filter_map(|(&from, &to)| crossing(from, to, center)));
            crossings.sort_by(f64::total_cmp);
            for span in crossings.chunks_exact(2) {
                // The first column whose centre, at one half, is not left of the crossing.
                let [start, end] =
                    [span[0], span[1]].map(|x| (x - 0.5).ceil().clamp(0.0, columns) as usize);
                row[start..end].fill(true);
            }
        }
    }
}

/// Crossing of the edge with the height `y`, if there is one: its upper end counts, its lower does not.
fn crossing(from: [f64; 2], to: [f64; 2], y: f64) -> Option<f64> {
    // From above, whichever way it is drawn, so that it crosses where a neighbour's does.
    let ([x0, y0], [x1, y1]) = if from[1] <= to[1] { (from, to) } else { (to, from) };
    (y0 <= y && y < y1).then(|| x0 + (y - y0) * (x1 - x0) / (y1 - y0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn polygons(points: &[&[[f64; 2]]]) -> Polygons {
        let polygons: Vec<Polygon> =
            points.iter().map(|points| Polygon { points: points.to_vec() }).collect();
        polygons.try_into().unwrap()
    }

    /// The pixels inside, drawn with `#`.
    fn drawn(points: &[&[[f64; 2]]], width: u32, height: u32) -> Vec<String> {
        let inside = polygons(points).at_size(width, height);
        let row = |row: &[bool]| row.iter().map(|&inside| if inside { '#' } else { '.' }).collect();
        inside.chunks_exact(width as usize).map(row).collect()
    }

    #[test]
    fn a_pixel_is_inside_if_its_centre_is() {
        // From column 1 to 2.6, from row 0.4 to 2: the centres 1.5 and 2.5, 0.5 and 1.5.
        let rectangle = [[0.25, 0.1], [0.65, 0.1], [0.65, 0.5], [0.25, 0.5]];
        assert_eq!(drawn(&[&rectangle], 4, 4), [".##.", ".##.", "....", "...."]);
        // The same fractions of an image of another size.
        assert_eq!(drawn(&[&rectangle], 8, 2), ["..###...", "........"]);
        let whole = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        assert_eq!(drawn(&[&whole], 3, 2), ["###", "###"]);
    }

    #[test]
    fn centres_on_edges_belong_to_the_right_and_to_what_is_below() {
        // Edges through the centres of columns 1 and 3 and of rows 1 and 3.
        let square = [[0.375, 0.375], [0.875, 0.375], [0.875, 0.875], [0.375, 0.875]];
        assert_eq!(drawn(&[&square], 4, 4), ["....", ".##.", ".##.", "...."]);
        let triangle = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
        // Centres on the diagonal lie left of the triangle's end, hence outside.
        assert_eq!(drawn(&[&triangle], 4, 4), ["###.", "##..", "#...", "...."]);
        let other = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        assert_eq!(drawn(&[&other], 4, 4), ["...#", "..##", ".###", "####"]);
    }

    #[test]
    fn a_polygon_that_winds_twice_has_a_hole_and_polygons_are_united() {
        let ring = [
            [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]].as_slice(),
            &[[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8], [0.2, 0.2]],
        ];
        let hole = ["#####", "#...#", "#...#", "#...#", "#####"];
        assert_eq!(drawn(&[&ring.concat()], 5, 5), hole);
        assert_eq!(drawn(&ring, 5, 5), ["#####"; 5]);
        // Going there and back encloses nothing.
        assert_eq!(drawn(&[&[[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]]], 2, 2), ["..", ".."]);
    }

    #[test]
    fn bad_polygons_are_named() {
        let message = |text: &str| Polygons::from_toml(text.as_bytes()).unwrap_err().to_string();
        assert!(message("").contains("no polygon"));
        assert!(
            message("[[polygon]]\npoints = [[0, 0], [1, 1]]").contains("polygon 1 has 2 points")
        );
        let good = "[[polygon]]\npoints = [[0, 0], [1, 0.5], [0.25, 1]]\n";
        assert_eq!(Polygons::from_toml(good.as_bytes()).unwrap().count(), 1);
        for point in ["[120, 40]", "[0.5, -0.1]", "[nan, 0]", "[0, inf]"] {
            let found = message(&format!("{good}[[polygon]]\npoints = [[0, 0], [1, 0], {point}]"));
            assert!(found.contains("point 3 of polygon 2"), "{point}: {found}");
        }
        let many = format!("[[polygon]]\npoints = [{}]", "[0, 0], ".repeat(MOST_POINTS + 1));
        assert!(message(&many).contains("10001 points, the limit is 10000"));
        for text in ["[[polygon]]", "[[polygon]]\npoints = [[0]]", "[[polygons]]", "x = ", "\u{0}"]
        {
            assert!(message(text).contains("does not describe polygons"), "{text}");
        }
        assert!(Polygons::from_toml(b"\xff\xfe").is_err());
    }

    /// Corners in sixteenths of the image.
    fn corner() -> impl Strategy<Value = [i64; 2]> {
        [0..=16_i64, 0..=16_i64]
    }

    /// Tells whether a ray from the pixel's centre to the right crosses the outline an odd number of
    /// times, in whole numbers: 32 sides of the image times its width or height.
    fn is_inside(points: &[[i64; 2]], x: i64, y: i64, width: i64, height: i64) -> bool {
        let scaled = |[x, y]: [i64; 2]| [2 * x * width, 2 * y * height];
        let (x, y) = (32 * x + 16, 32 * y + 16);
        let crossed = |(from, to): (&[i64; 2], &[i64; 2])| {
            let ([x0, y0], [x1, y1]) = (scaled(*from), scaled(*to));
            if (y0 <= y) == (y1 <= y) {
                return false;
            }
            // x < x0 + (y - y0) (x1 - x0) / (y1 - y0)
            let (run, rise) = ((y - y0) * (x1 - x0), y1 - y0);
            (x - x0) * rise * rise.signum() < run * rise.signum()
        };
        points.iter().zip(points.iter().cycle().skip(1)).filter(|&edge| crossed(edge)).count() % 2
            == 1
    }

    proptest! {
        #[test]
        fn pixels_inside_are_those_whose_rays_cross_an_odd_number_of_edges(
            points in prop::collection::vec(corner(), 3..9),
            // Powers of two: the fractions, and what is exactly on an edge, are exact.
            (width, height) in (0_u32..6, 0_u32..6).prop_map(|(x, y)| (1 << x, 1 << y)),
        ) {
            let fractions: Vec<[f64; 2]> =
                points.iter().map(|point| point.map(|at| at as f64 / 16.0)).collect();
            let found = polygons(&[&fractions]).at_size(width, height);
            let (columns, rows) = (i64::from(width), i64::from(height));
            for (at, &found) in (0_i64..).zip(&found) {
                let (x, y) = (at % columns, at / columns);
                prop_assert_eq!(found, is_inside(&points, x, y, columns, rows), "({}, {})", x, y);
            }
        }

        #[test]
        fn triangles_around_a_point_share_no_pixel_and_leave_none(
            center in [0.0..=1.0, 0.0..=1.0], width in 1_u32..40, height in 1_u32..40,
        ) {
            let corners = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
            let mut times = vec![0; (width * height) as usize];
            for (at, &corner) in corners.iter().enumerate() {
                let triangle = [center, corner, corners[(at + 1) % 4]];
                let inside = polygons(&[&triangle]).at_size(width, height);
                times.iter_mut().zip(inside).for_each(|(times, inside)| *times += u32::from(inside));
            }
            prop_assert!(times.iter().all(|&times| times == 1), "{:?}", times);
        }
    }
}
