// SPDX-License-Identifier: MIT
// The format language of summaries: Python's str.format over named values, with conversions of its own.
#pragma once

#include <string>
#include <string_view>

#include "duct_bpf/error.hpp"
#include "duct_bpf/profile.hpp"

namespace duct_bpf {

// Control characters (C0, DEL, C1) and bytes that are no UTF-8 (on some terminals they are C1) made "?": what
// comes from a command line must not reach a terminal as it is.
std::string printable(std::string_view text);

extern const char* const kDefaultSummaryFormat;
// The default format with a line for each thing that is only worth one where it happened.
std::string default_summary_format(const Fields& fields);

// Fills `format` from `fields`. A field is {name}, {name:spec}, {name!C}, {name!C:spec} or {name:spec!C}; {{
// and }} are braces. `spec` is Python's: [[fill]align][sign][0][width][,][.precision][type], type one of d e
// f g s %. Conversions: S bytes ("3.0 MB", green), P percent, T duration ("1h 2m 3.4s"), D epoch seconds as a
// date; and, for colour alone, E exit code (green 0, else red), X green if true, else red, N green. A value
// that is not there prints "-" whatever the spec, red behind {name!C}. Control characters in values print as
// "?": they may come from a command line and must not reach a terminal. Error usage: unknown field, spec or
// conversion, one that does not fit the value, a brace left open.
Result<std::string> format_summary(std::string_view format, const Fields& fields, bool colors);

}  // namespace duct_bpf
