//! Pure media: codecs, clips, tones, relay; the plane's commands and events. Uses base and wire.
