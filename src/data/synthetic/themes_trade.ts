/**
 * Themes of trade and travel.
 * @module
 */
import type { Theme } from "./types.ts";
import * as v from "./values.ts";
import { category, entity, flag, label, number, person, to } from "./vocabulary.ts";

/** Themes for training. */
export const TRADE_THEMES: readonly Theme[] = [
  {
    name: "bookshop",
    entities: [
      entity("publisher", v.companyName("name|publisher name"), v.country("in|based in")),
      person(
        "author",
        v.personName(),
        v.country(),
        number("birth year|year of birth", [1930, 1998], {
          more: "born after",
          less: "born before",
          most: "youngest",
          least: "oldest",
        }),
      ),
      entity(
        "book",
        v.title(),
        to("author", { by: "written by|by", did: "wrote", done: "written" }),
        to("publisher", { by: "published by|from", did: "published" }),
        category("genre", ["crime", "fantasy", "poetry", "travel", "romance"], { adjective: true }),
        v.price(5, 60),
        number("pages|page count", [60, 900, 4], {
          more: "longer than",
          less: "shorter than",
          unit: "pages",
          most: "longest",
          least: "shortest",
          total: true,
        }),
        v.happened("publication date|release date", "published", 1995, 2024),
      ),
    ],
  },
  {
    name: "restaurant",
    entities: [
      entity(
        "restaurant",
        v.placeName("name", "Kitchen", "Grill", "Bistro", "Table"),
        category("cuisine", ["Italian", "Thai", "Mexican", "Indian", "Greek"], { adjective: true }),
        v.city("in"),
        v.rating(),
      ),
      entity(
        "dish|dishes",
        label("name|dish name", ["Spicy", "Grilled", "Creamy", "Roasted", "House"], [
          "Noodles",
          "Salad",
          "Lamb",
          "Curry",
          "Soup",
          "Tofu",
        ]),
        to("restaurant", { by: "served by|offered by", did: "serve", done: "served" }),
        v.price(4, 45),
        number("calories|calorie count", [90, 1400, 10], { total: true, least: "lightest" }),
        flag("is vegetarian|vegetarian", "vegetarian", "non-vegetarian"),
      ),
      entity(
        "reservation",
        to("restaurant", { by: "at|made at", did: "received" }),
        label("guest name|guest", v.FIRST_NAMES, v.LAST_NAMES),
        number("party size|number of guests", [1, 12], {
          most: "largest",
          least: "smallest",
          total: true,
        }),
        v.happened("reservation date|booking date", "made", 2022, 2024),
      ),
    ],
  },
  {
    name: "hotel",
    entities: [
      entity(
        "hotel",
        v.placeName("name|hotel name", "Inn", "Lodge", "Palace", "Hotel"),
        v.city("in"),
        number("stars|star rating", [1, 5], { most: "best", least: "worst" }),
      ),
      entity(
        "room",
        to("hotel", { by: "in|belonging to", did: "have" }),
        label("room number", ["A", "B", "C", "D"], [
          "101",
          "102",
          "103",
          "201",
          "202",
          "203",
          "301",
        ]),
        category("type|room type", ["single", "double", "suite", "family"], { adjective: true }),
        v.price(40, 480, 5),
      ),
      entity(
        "booking",
        to("room", { by: "for|of", did: "have" }),
        label("guest|guest name", v.FIRST_NAMES, v.LAST_NAMES),
        v.happened("check-in date", "starting", 2022, 2024),
        number("nights|number of nights", [1, 21], {
          most: "longest",
          least: "shortest",
          total: true,
        }),
        v.status("confirmed", "cancelled", "pending"),
      ),
    ],
  },
  {
    name: "airline",
    entities: [
      entity(
        "airport",
        v.placeName("name|airport name", "Airport", "Airfield"),
        v.city("in"),
        number("runways|runway count", [1, 6], { total: true }),
      ),
      entity(
        "plane",
        label("model", ["Falcon", "Skyliner", "Aero", "Comet", "Heron"], [
          "10",
          "20",
          "300",
          "500",
          "X",
        ]),
        category("manufacturer|maker", ["Boreal", "Altair", "Zephyr"], { is: "made by|built by" }),
        number("capacity|number of seats", [20, 420, 5], {
          most: "largest",
          least: "smallest",
          total: true,
        }),
      ),
      entity(
        "flight",
        label("flight number", ["KX", "RB", "TL", "MO"], [
          "118",
          "204",
          "377",
          "410",
          "562",
          "689",
          "730",
        ]),
        to("plane", { by: "flown with|using", did: "made" }),
        to("airport", { by: "departing from|leaving from", did: "served" }),
        category("destination", v.CITIES, { is: "to|bound for" }),
        number("distance|distance in km", [200, 9000, 50], {
          unit: "km",
          more: "longer than|covering more than",
          less: "shorter than|covering less than",
          most: "longest",
          least: "shortest",
          total: true,
        }),
        v.happened("departure date|flight date", "departing", 2022, 2024),
      ),
    ],
  },
];
