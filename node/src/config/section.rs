//! One definition per key: the field, its documentation, its default and its bounds are written
//! once, and the loader, the sample file and `config show` read them from here.

use super::value::Given;

/// A key of a section, as the sample file and `config show` print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name inside the section.
    pub name: &'static str,
    /// The lines of its documentation.
    pub doc: &'static [&'static str],
}

/// A section of the configuration, read key by key.
pub trait Section {
    /// Its name in the file.
    fn name(&self) -> &'static str;

    /// The lines of its documentation.
    fn doc(&self) -> &'static [&'static str];

    /// Its keys, in the order of the file.
    fn keys(&self) -> &'static [Key];

    /// Sets a key. The error says what would be right.
    fn set(&mut self, key: &str, given: &Given) -> Result<(), String>;

    /// The value of a key, as it is written in the file.
    fn show(&self, key: &str) -> String;
}

/// Defines a section: a struct with documented public fields, and its `Section`.
macro_rules! section {
    (
        $(#[doc = $section_doc:literal])*
        $section:ident = $section_name:literal {
            $( $(#[doc = $doc:literal])* $key:ident: $type:ty = $default:expr, $check:expr; )*
        }
    ) => {
        $(#[doc = $section_doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $section {
            $( $(#[doc = $doc])* pub $key: $type, )*
        }

        impl Default for $section {
            fn default() -> Self {
                $section { $( $key: $default, )* }
            }
        }

        impl $crate::config::section::Section for $section {
            fn name(&self) -> &'static str {
                $section_name
            }

            fn doc(&self) -> &'static [&'static str] {
                &[$($section_doc),*]
            }

            fn keys(&self) -> &'static [$crate::config::section::Key] {
                &[ $( $crate::config::section::Key {
                    name: stringify!($key),
                    doc: &[$($doc),*],
                }, )* ]
            }

            fn set(
                &mut self,
                key: &str,
                given: &$crate::config::value::Given,
            ) -> Result<(), String> {
                match key {
                    $( stringify!($key) => {
                        let value = <$type as $crate::config::value::Value>::read(given)?;
                        let check: fn(&$type) -> Result<(), String> = $check;
                        check(&value)?;
                        self.$key = value;
                        Ok(())
                    } )*
                    unknown => Err(format!("no key `{unknown}` in [{}]", $section_name)),
                }
            }

            fn show(&self, key: &str) -> String {
                match key {
                    $( stringify!($key) => $crate::config::value::Value::show(&self.$key), )*
                    unknown => format!("no key `{unknown}`"),
                }
            }
        }
    };
}
pub(super) use section;
