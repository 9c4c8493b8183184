//! Variables of the environment whose names are nearly those of settings. A misspelt flag or key is refused; a variable may
//! be somebody else's, so it is only told.

use kvnode::config::source::nearest;

/// What a proxy reads, its commands, and compose.yaml.
const KNOWN: [&str; 17] = [
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
    "URL",
    "WORKERS",
];
const PREFIX: &str = "KEYWAY_";
/// Begins the settings of nodes, which a node reads.
const OF_NODES: &str = "NODE_";

/// Each misspelt name among these, and what was probably meant.
pub(crate) fn misspelt(names: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    let meant = |name: &str| {
        let word = name.strip_prefix(PREFIX).filter(|word| !word.starts_with(OF_NODES))?;
        let known = nearest(word, KNOWN.into_iter())?;
        (known != word).then(|| format!("{PREFIX}{known}"))
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
            "KEYWAY_NODE_LISTEN",
            "LISTENN",
        ];
        let told = misspelt(names.map(str::to_owned));
        assert_eq!(told, [("KEYWAY_LISTENN".to_owned(), "KEYWAY_LISTEN".to_owned())]);
    }
}
