//! Units of measurement as records have them (UCUM), turned into the unit of each sign.

/// The canonical address of UCUM as a code system.
pub(super) const UCUM: &str = "http://unitsofmeasure.org";
