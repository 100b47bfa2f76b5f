// SPDX-License-Identifier: MIT
// Whether differences exceed the scatter. Expected answers are worked out by hand, from the formula and a table of t.
#include <catch2/catch.hpp>

#include "log/noise.hpp"

using namespace duct_log;

TEST_CASE("spread", "[noise]") {
  const Spread spread = spread_of({2, 4, 4, 4, 5, 5, 7, 9});
  CHECK(spread.mean == 5);
  CHECK(spread.deviation == Approx(2.13809));
  CHECK(spread.least == 2);
  CHECK(spread.most == 9);
  CHECK(spread_of({}).count == 0);
  CHECK(spread_of({3}).deviation == 0);
}

TEST_CASE("differences beyond the scatter", "[noise]") {
  CHECK(differ(spread_of({10, 11, 12}), spread_of({20, 21, 22})) == true);
  CHECK(differ(spread_of({10, 11, 12}), spread_of({11, 12, 13})) == false);                    // t = 1.2 < 2.8
  CHECK(differ(spread_of({10, 10.1, 9.9, 10, 10}), spread_of({10.3, 10.2, 10.4})) == true);    // t = 4.6 > 3.2
  CHECK(differ(spread_of({1, 2}), spread_of({3, 4})) == false);                                // t = 2.8 < 4.3
  CHECK(differ(spread_of({5, 5, 5}), spread_of({5, 5})) == false);
  CHECK(differ(spread_of({5, 5, 5}), spread_of({6, 6})) == true);
}

TEST_CASE("single runs", "[noise]") {
  CHECK_FALSE(differ(spread_of({1}), spread_of({100})));
  CHECK_FALSE(differ(spread_of({}), spread_of({1, 2})));
  CHECK(differ(spread_of({10, 10.1, 9.9, 10}), spread_of({20})) == true);
  CHECK(differ(spread_of({20}), spread_of({10, 10.1, 9.9, 10})) == true);
  CHECK(differ(spread_of({10, 10.1, 9.9, 10}), spread_of({10.2})) == false);
}
