//! What stands below the flags in a command's help and manual page.

const EXIT_CODES: &str = "Exit codes: 0 done and well; 1 refused, failed, or something is wrong with the cluster; 2 wrong \
                          usage or configuration; 3 the proxy cannot be reached; 4 not finished in the time to wait.";

/// Below `keyway --help`.
pub(super) const PROGRAM: &str = "\
Without a command, keyway serves: with no configuration it starts three nodes of its own.

Examples:
  keyway                                        serve on 127.0.0.1:5000 with three nodes
  keyway --listen 0.0.0.0:8080 --nodes 5        elsewhere, and with five
  keyway add-server                             one more node, and wait until it holds its keys
  keyway status                                 how it is

Environment:
  KEYWAY_URL               the proxy that commands such as status ask [default: http://127.0.0.1:5000]
  KEYWAY_ADMIN_TOKEN       the admin token: a proxy that is started with one wants it shown, and the commands show it
  KEYWAY_ADMIN_TOKEN_FILE  instead of that, a file that holds it";

const TOKEN: &str = "  KEYWAY_ADMIN_TOKEN       the admin token, where the proxy was started with one
  KEYWAY_ADMIN_TOKEN_FILE  instead of that, a file that holds it";

/// Below the help of `keyway serve`.
pub(super) fn serving() -> String {
    let environment = "\
Environment:
  KEYWAY_ADMIN_TOKEN     whoever administers must show this; without it only programs on this machine may
  KEYWAY_CLUSTER_SECRET  what proxy and nodes show each other [default: made at the first start, in the data folder]
  KEYWAY_ADMIN_TOKEN_FILE, KEYWAY_CLUSTER_SECRET_FILE  instead of these, files that hold them";
    format!("{environment}\n\n{EXIT_CODES}")
}

/// Below the help of a command that asks a proxy.
pub(super) fn asking(examples: &[&str]) -> String {
    let url = "  KEYWAY_URL               the proxy, where --url does not say which";
    format!("{}Environment:\n{url}\n{TOKEN}\n\n{EXIT_CODES}", listed(examples))
}

/// Below the help of `keyway health`, whose only exit codes are 0 and 1.
pub(super) fn probing(examples: &[&str]) -> String {
    format!("{}Environment:\n{TOKEN}", listed(examples))
}

fn listed(examples: &[&str]) -> String {
    if examples.is_empty() {
        return String::new();
    }
    format!("Examples:\n  {}\n\n", examples.join("\n  "))
}
