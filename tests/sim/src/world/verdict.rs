//! What is asked when everything is quiet again.

use super::*;

impl World {
    /// Every record lies on its owner and nowhere else among the members.
    pub(super) fn verify_places(&self) -> Result<(), String> {
        let ring = self.view.ring();
        let mut seen = BTreeSet::new();
        for name in self.view.nodes.keys() {
            for (key, _) in self.records(name)? {
                let stranded = self.stranded.contains(&(name.clone(), key.clone()));
                if ring.owner(key.position()) != Some(name) && !self.prevailed && !stranded {
                    return Err(format!(
                        "{name} holds {key}, which belongs to {:?}",
                        ring.owner(key.position())
                    ));
                }
                seen.insert(key);
            }
            let counted = self.sight.member(&self.view, name).map(|status| status.records);
            let stored = self.records(name)?.len() as u64;
            if counted != Some(stored) {
                return Err(format!("{name} reports {counted:?} records and stores {stored}"));
            }
        }
        Ok(())
    }

    pub(super) fn records(&self, name: &NodeName) -> Result<Vec<(StoreKey, Record)>, String> {
        let Some(node) = self.nodes.get(name) else { return Ok(Vec::new()) };
        let limit = Limit { entries: usize::MAX, bytes: usize::MAX };
        let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        let entries = node.disk.scan(Space::Records, all, limit).map_err(|error| error.to_string())?;
        let decode = |(key, bytes)| {
            let key = StoreKey(key);
            Record::decode(&key, bytes).map(|record| (key, record)).map_err(|damage| damage.to_string())
        };
        entries.into_iter().map(decode).collect()
    }

    /// Reads every key once more, when nothing else happens.
    pub(super) fn read_all(&mut self) -> Result<(), String> {
        let ring = self.view.ring();
        for key in &self.keys {
            let owner = ring.owner(Position::of(key)).and_then(|name| self.nodes.get(name));
            let owner = owner.ok_or("no owner")?;
            let read = owner.admit(key, &Route::default()).and_then(|generation| owner.load(key, generation));
            let record = read.map_err(|refused| format!("{key:?} cannot be read at the end: {refused}"))?;
            let record = record.ok_or("the fence is another one, although nothing happens")?;
            let stored = owner.disk.get(Space::Records, &StoreKey::of(key).0).map_err(|e| e.to_string())?;
            if stored.is_some() != record.is_some() {
                return Err(format!("{key:?}: the read cache and the disk differ"));
            }
            let value = record.and_then(|record| std::str::from_utf8(&record.value).ok()?.parse().ok());
            let (start, end) = (self.now, Some(self.now + Duration::from_millis(1)));
            let operation = crate::linear::Operation { start, end, action: Action::Get(value) };
            let seen = Seen { operation, node: owner.name.clone(), served: Some(start) };
            self.history.keys.entry(key.clone()).or_default().push(seen);
        }
        Ok(())
    }
}
