//! The paper's method as a graph of ONNX: transforms, features at several scales, flows.

use differnet_onnx::{Graph, Value};

use super::scorer::DifferNet;
use crate::export::rows::{averaged, rows_graph};
use crate::export::{GraphEntry, GraphResult};
use crate::header::Header;

impl DifferNet {
    /// The model's part of a graph; the reason if there is none.
    pub(super) fn graph(
        &self,
        graph: &mut Graph,
        entry: &GraphEntry<'_>,
        header: &Header,
    ) -> Result<GraphResult, String> {
        rows_graph(graph, entry, header, self.backbone, |graph, features| {
            let columns = graph.transpose(features, &[1, 0]); // [features, n · transforms]
            let flows = self.flows.configs();
            let energies = flows.iter().enumerate().map(|(number, config)| {
                let ends = graph.ints(&[config.features as i64]);
                let seen = graph.slice(columns, ends, &[0], 1);
                self.flows.energy(number, graph, seen, None) // [n · transforms]
            });
            let energies: Vec<Value> = energies.collect();
            let apart: Vec<Value> =
                energies.iter().map(|&energy| graph.unsqueeze(energy, &[1])).collect();
            let energies = graph.concat(&apart, 1); // [n · transforms, flows]
            averaged(graph, energies, flows.len(), self.average)
        })
    }
}
