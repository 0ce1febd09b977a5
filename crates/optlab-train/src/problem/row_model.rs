//! The trained model of a problem as a function of rows of numbers.

use crate::data::{Preparation, Standardizer};
use crate::model::Stack;
use crate::nn::Mode;
use crate::objective::TargetKind;
use crate::problem::predict::inputs;
use crate::problem::{Prepared, ProblemFacts};
use crate::workload::{Element, RowModel};
use std::rc::Rc;

/// Returns the model as a function, with the names that the data have.
pub(super) fn of<'a>(model: Stack, facts: ProblemFacts, preparation: Preparation) -> RowModel<'a> {
    let facts = Rc::new(facts);
    let read = Rc::clone(&facts);
    let units = match facts.targets {
        TargetKind::Values(_) => facts.units.clone(),
        TargetKind::Classes(_) | TargetKind::Labels(_) => Vec::new(),
    };
    RowModel {
        forward: Box::new(move |rows| model.forward(rows, Mode::Evaluate)),
        read: Box::new(move |file| inputs(&read, &preparation, file)),
        input: facts.shape.clone(),
        elements: elements(&facts),
        outputs: facts.names.clone(),
        targets: facts.targets,
        loss: facts.loss.clone(),
        units,
    }
}

/// Returns the elements of an input, with the names, units and texts of the data.
fn elements(facts: &ProblemFacts) -> Vec<Element> {
    let mut elements = Element::of_shape(&facts.shape);
    match &facts.prepared {
        Prepared::Table(encoder) => {
            for (i, feature) in encoder.features().into_iter().enumerate() {
                let Some(element) = elements.get_mut(i) else { continue };
                element.unit.mean = feature.scale.mean;
                element.unit.scale = feature.scale.deviation;
                (element.name, element.column) = (feature.name, feature.column);
                element.texts = encoder.texts_of(i);
            }
        }
        Prepared::Text { characters, .. } => {
            let texts: Vec<String> = characters.iter().map(char::to_string).collect();
            for (i, element) in elements.iter_mut().enumerate() {
                element.name = format!("character {}", i + 1);
                (element.column, element.texts) = (element.name.clone(), texts.clone());
            }
        }
        Prepared::Pictures { standardizer, .. } | Prepared::Rows { standardizer, .. } => {
            let Some(standardizer) = standardizer else { return elements };
            set_units(&mut elements, facts, standardizer);
        }
    }
    elements
}

/// Gives each element the unit of its feature, time step's feature or channel.
fn set_units(elements: &mut [Element], facts: &ProblemFacts, standardizer: &Standardizer) {
    let units = standardizer.input_units();
    let per_unit = match facts.shape.sizes()[..] {
        [_, height, width] => height * width,
        _ => 1,
    };
    for (i, element) in elements.iter_mut().enumerate() {
        if let Some(unit) = units.get(i / per_unit % units.len().max(1)) {
            element.unit = *unit;
        }
    }
}
