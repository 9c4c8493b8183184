//! Variables of the environment whose names are nearly those of settings. A misspelt flag or key is refused; a variable may
//! be somebody else's, so it is only told.

/// What a proxy reads, its commands, and what compose.yaml passes on to it.
const KNOWN: [&str; 16] = [
    "ADMIN_LISTEN",
    "ADMIN_TOKEN",
    "ADMIN_TOKEN_FILE",
    "CLUSTER_SECRET",
    "CLUSTER_SECRET_FILE",
    "CONFIG",
    "DATA",
    "IMAGE",
    "KVNODES",
    "LISTEN",
    "LOG",
    "LOG_FORMAT",
    "NODES",
    "POINTS",
    "PUBLISH",
    "WORKERS",
];
const PREFIX: &str = "KEYWAY_";
/// Slips of the pen that still name the same.
const SLIPS: usize = 2;

/// Each misspelt name among these, and what was probably meant.
pub(crate) fn misspelt(names: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    let meant = |name: &str| {
        let word = name.strip_prefix(PREFIX)?;
        let distance = |known: &&str| strsim::damerau_levenshtein(word, known);
        let nearest = KNOWN.into_iter().min_by_key(distance)?;
        ((1..=SLIPS).contains(&distance(&nearest)) && word != "URL").then(|| format!("{PREFIX}{nearest}"))
    };
    names.into_iter().filter_map(|name| meant(&name).map(|meant| (name, meant))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_nearly_a_setting_is_told_and_no_other() {
        let names = [
            "KEYWAY_LISTENN",
            "KEYWAY_LISTEN",
            "KEYWAY_KVNODES",
            "KEYWAY_URL",
            "KEYWAY_NODE_NAME",
            "LISTENN",
        ];
        let told = misspelt(names.map(str::to_owned));
        assert_eq!(told, [("KEYWAY_LISTENN".to_owned(), "KEYWAY_LISTEN".to_owned())]);
    }
}
