//! Names of the rooms that we make on hosted platforms. They tell our room, so that leftovers are recognized, and nothing that
//! people wrote.

use domain::RoomId;
use uuid::Uuid;

/// What the names of our rooms begin with.
const PREFIX: &str = "ts-";

/// Length of a room's id in the name.
const ID_LEN: usize = 32;

/// Returns the beginning of the names of a room's platform rooms: 36 characters of `a-z`, `0-9` and `-`.
pub fn name_prefix(room: RoomId) -> String {
    format!("{PREFIX}{}-", room.0.simple())
}

/// Returns the room of ours that a name tells; `None` for a room that is not ours.
pub fn room_id(name: &str) -> Option<RoomId> {
    let (id, rest) = name.strip_prefix(PREFIX)?.split_at_checked(ID_LEN)?;
    let is_plain = id.bytes().all(|b| b.is_ascii_hexdigit());
    let id = Uuid::try_parse(id).ok().filter(|_| is_plain && rest.starts_with('-'))?;
    Some(RoomId(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_our_room_and_other_names_tell_none() {
        let id = RoomId(Uuid::from_u128(7));

        assert_eq!(room_id(&format!("{}3", name_prefix(id))), Some(id));
        assert_eq!(name_prefix(id).len(), 36);
        for other in [
            "",
            "standup",
            "ts-",
            &name_prefix(id)[..35],
            "ts-{0000-0000-0000-0000-000000000000}-1",
        ] {
            assert_eq!(room_id(other), None, "{other}");
        }
    }
}
