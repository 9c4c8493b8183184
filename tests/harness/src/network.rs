//! A network of the story's own that can lose packets: sites with an address each, and a router between them.
//!
//! Each site is a network namespace with one cable to the router; so is the router, where the story itself and its
//! clients are. A cut is a rule of the router that drops what goes from one site to another without a word: nobody is
//! told, links stay up, connections stay open, and what was sent is sent again by TCP for as long as it likes. Nothing
//! of it can be seen from outside, and all of it goes when the story ends, whatever way.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::namespace::{Kind, Namespace, Place};
use crate::story::story;

const PURPOSE: &str = "a network of its own (iproute2; as root the rights CAP_SYS_ADMIN and CAP_NET_ADMIN, in a \
                       container --privileged; as another user, run under `unshare --map-root-user`)";
/// Forwards, and does not mind that an answer would not find its way back: that is what a cut in one direction is.
const ROUTER: &str = "ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
echo 0 > /proc/sys/net/ipv4/conf/default/rp_filter";
/// $1: the site's number; $2: a process in its namespace.
const PLUG_IN: &str = "ip link add site$1 type veth peer name cable netns $2
ip address add 10.0.$1.1/24 dev site$1
ip link set site$1 up";
const TAKE_UP: &str = "ip link set lo up
ip address add 10.0.$1.2/24 dev cable
ip link set cable up
ip route add default via 10.0.$1.1";

/// A router, and what is plugged into it.
#[derive(Debug)]
pub struct Network {
    router: Namespace,
    sites: u8,
}

/// A machine on the network.
#[derive(Debug)]
pub struct Site {
    space: Namespace,
    number: u8,
}

/// Runs `body` as a story at the router of a new network, so that its clients reach every site, whatever is cut.
///
/// # Panics
/// Where this user may not make networks, and like [`story`].
pub fn story_on_a_network<F: Future<Output = ()>>(limit: Duration, body: impl FnOnce(Network) -> F + Send) {
    // The threads of the story's runtime are where the thread is that starts them; this one stays where it is.
    let name = thread::current().name().unwrap_or("story").to_owned();
    let told = move || {
        let network = Network::new();
        network.router.join();
        story(limit, || body(network));
    };
    let ended = thread::scope(|scope| {
        thread::Builder::new().name(name).spawn_scoped(scope, told).expect("a thread").join()
    });
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

impl Network {
    fn new() -> Self {
        Self { router: Namespace::prepared(Kind::Network, PURPOSE, ROUTER, [""; 0]), sites: 0 }
    }

    /// One more machine.
    pub fn site(&mut self) -> Site {
        self.sites += 1;
        let site =
            Site { space: Namespace::prepared(Kind::Network, PURPOSE, "", [""; 0]), number: self.sites };
        let number = site.number.to_string();
        self.router.run(PLUG_IN, [&number, &site.space.pid().to_string()]);
        site.space.run(TAKE_UP, [&number]);
        site
    }

    /// From now on nothing gets from one site to another; the other way is as it was.
    pub fn lose(&self, from: &Site, to: &Site) {
        self.rule("add", from, to);
    }

    /// Ends [`Network::lose`].
    pub fn find(&self, from: &Site, to: &Site) {
        self.rule("del", from, to);
    }

    /// From now on two sites hear nothing of each other.
    pub fn cut(&self, one: &Site, other: &Site) {
        self.lose(one, other);
        self.lose(other, one);
    }

    /// Ends [`Network::cut`].
    pub fn heal(&self, one: &Site, other: &Site) {
        self.find(one, other);
        self.find(other, one);
    }

    fn rule(&self, verb: &str, from: &Site, to: &Site) {
        let (from, to) = (from.address().to_string(), to.address().to_string());
        self.router.run("ip rule $1 from $2 to $3 blackhole", [verb, &from, &to]);
    }
}

impl Site {
    /// Where processes at this site are reached.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        Ipv4Addr::new(10, 0, self.number, 2).into()
    }
}

impl Place for Site {
    fn namespace(&self) -> &Namespace {
        &self.space
    }
}

impl Namespace {
    /// Takes this thread, and all that it starts from now on, in here.
    fn join(&self) {
        let joined = move_into_link_name_space(self.file().as_fd(), Some(LinkNameSpaceType::Network));
        joined.unwrap_or_else(|error| panic!("this test needs {PURPOSE}, and that was refused: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};

    use super::*;
    use crate::secs;

    /// A socket at a site; it stays there while the thread that made it is gone.
    fn socket(site: &Site) -> UdpSocket {
        let made = thread::scope(|scope| {
            let at_the_site = || {
                site.space.join();
                UdpSocket::bind(SocketAddr::from((site.address(), 0))).unwrap()
            };
            scope.spawn(at_the_site).join().unwrap()
        });
        made.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        made
    }

    fn gets_through(from: &UdpSocket, to: &UdpSocket) -> bool {
        from.send_to(b"hello", to.local_addr().unwrap()).expect("a cut tells nobody");
        to.recv_from(&mut [0; 16]).is_ok()
    }

    #[test]
    fn a_cut_loses_what_goes_between_two_sites_and_nothing_else() {
        story_on_a_network(secs(20), |mut network| async move {
            let (a, b, c) = (network.site(), network.site(), network.site());
            let (at_a, at_b, at_c) = (socket(&a), socket(&b), socket(&c));
            network.cut(&a, &b);
            assert!(!gets_through(&at_a, &at_b) && !gets_through(&at_b, &at_a));
            assert!(gets_through(&at_a, &at_c) && gets_through(&at_c, &at_b));
            network.heal(&a, &b);
            assert!(gets_through(&at_a, &at_b) && gets_through(&at_b, &at_a));
        });
    }

    #[test]
    fn what_is_lost_in_one_direction_gets_through_in_the_other() {
        story_on_a_network(secs(20), |mut network| async move {
            let (a, b) = (network.site(), network.site());
            let (at_a, at_b) = (socket(&a), socket(&b));
            network.lose(&a, &b);
            assert!(!gets_through(&at_a, &at_b));
            assert!(gets_through(&at_b, &at_a));
            network.find(&a, &b);
            assert!(gets_through(&at_a, &at_b));
        });
    }
}
