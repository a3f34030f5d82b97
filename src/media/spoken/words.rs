//! The words of each voice, as `media/speak.py` made them.

/// A word's name and its WAV file.
pub type Word = (&'static str, &'static [u8]);

macro_rules! voice {
    ($folder:literal: $($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../../media/voices/", $folder, "/", $name, ".wav")) as &[u8])),*]
    };
}

pub const ENGLISH: &[Word] = voice! {"en":
    "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11" "12" "13" "14" "15" "16" "17" "18" "19" "20" "30" "40"
    "50" "60" "70" "80" "90" "hundred" "and" "minute" "minutes" "you_are_number" "in_line" "first" "beyond"
    "wait" "wait_short" "wait_over" "has_waited" "has_waited_short" "welcome" "thanks" "connecting"
};

pub const PORTUGUESE: &[Word] = voice! {"pt":
    "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11" "12" "13" "14" "15" "16" "17" "18" "19" "20" "30" "40"
    "50" "60" "70" "80" "90" "100" "100+" "200" "300" "400" "500" "600" "700" "800" "900" "and" "minute"
    "minutes" "you_are_number" "in_line" "first" "beyond" "wait" "wait_short" "wait_over" "has_waited"
    "has_waited_short" "welcome" "thanks" "connecting"
};

pub const SPANISH: &[Word] = voice! {"es":
    "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11" "12" "13" "14" "15" "16" "17" "18" "19" "20" "21" "22"
    "23" "24" "25" "26" "27" "28" "29" "30" "40" "50" "60" "70" "80" "90" "1-" "21-" "100" "100+" "200" "300"
    "400" "500" "600" "700" "800" "900" "and" "minute" "minutes" "you_are_number" "in_line" "first" "beyond"
    "wait" "wait_short" "wait_over" "has_waited" "has_waited_short" "welcome" "thanks" "connecting"
};
