/**
 * Themes of things: what is rented, grown, stored, staged and generated.
 * @module
 */
import type { Theme } from "./types.ts";
import * as v from "./values.ts";
import { category, date, entity, label, number, person, to } from "./vocabulary.ts";

/** Themes for training. */
export const THINGS_THEMES: readonly Theme[] = [
  {
    name: "car rental",
    entities: [
      entity(
        "car",
        label("plate|licence plate", ["AB", "CK", "DZ", "EF", "GT"], [
          "102",
          "245",
          "371",
          "468",
          "590",
          "613",
          "777",
        ]),
        category("brand|make", ["Arden", "Borga", "Celta", "Dorvo"], { is: "made by" }),
        category("colour", v.COLOURS, { adjective: true }),
        number("mileage", [1000, 190000, 500], { most: "most used", least: "least used" }),
        number("daily rate", [25, 160], { most: "most expensive", least: "cheapest" }),
      ),
      person("driver", v.personName(), v.age(18, 77), v.city()),
      entity(
        "rental",
        to("car", { by: "of|for", did: "have" }),
        to("driver", { by: "made by|by", did: "made" }),
        v.happened("start date|pickup date", "starting", 2021, 2024),
        number("days|rental days", [1, 30], { most: "longest", least: "shortest", total: true }),
        v.cost("amount|amount paid", 30, 2400, 10),
      ),
    ],
  },
  {
    name: "real estate",
    entities: [
      person(
        "agent",
        v.personName(),
        v.city(),
        number("commission", [1, 6, 0.25], { unit: "percent" }),
      ),
      entity(
        "property",
        label("address|street address", ["2", "7", "14", "23", "38", "51"], v.PLACES, [
          "Street",
          "Road",
        ]),
        to("agent", { by: "listed by|sold by", did: "listed" }),
        category("type|property type", ["house", "flat", "studio", "villa"]),
        number("bedrooms|number of bedrooms", [1, 7], { most: "largest" }),
        number("area|floor area", [24, 380], {
          more: "larger than",
          less: "smaller than",
          most: "largest",
          least: "smallest",
          total: true,
        }),
        v.price(60000, 990000, 1000),
        v.happened("listing date|date listed", "listed", 2020, 2024),
      ),
    ],
  },
  {
    name: "farm",
    entities: [
      entity(
        "farm",
        v.placeName("name|farm name", "Farm", "Acres", "Ranch"),
        category("region", ["north", "south", "coast", "highlands"], { is: "in the|from the" }),
        number("area|size in hectares", [5, 900, 5], {
          most: "largest",
          least: "smallest",
          total: true,
        }),
      ),
      entity(
        "crop",
        label("name|crop name", ["Winter", "Early", "Sweet", "Red"], [
          "Barley",
          "Corn",
          "Beans",
          "Potato",
        ]),
        category("season", ["spring", "summer", "autumn"], { is: "grown in" }),
        number("water need", [1, 10]),
      ),
      entity(
        "harvest",
        to("farm", { by: "of|from", did: "had" }),
        to("crop", { by: "of", did: "have" }),
        number("weight|weight in tons", [2, 400], {
          unit: "tons",
          total: true,
          most: "largest",
          least: "smallest",
        }),
        v.happened("harvest date", "brought in", 2019, 2024),
      ),
    ],
  },
  {
    name: "warehouse",
    entities: [
      entity(
        "supplier",
        v.companyName("name|supplier name"),
        v.country(),
        number("lead time|delivery days", [1, 45], {
          unit: "days",
          most: "slowest",
          least: "fastest",
        }),
      ),
      entity(
        "part",
        label("name|part name", ["Steel", "Brass", "Copper", "Nylon"], [
          "Bolt",
          "Gear",
          "Valve",
          "Spring",
          "Hinge",
        ]),
        to("supplier", { by: "supplied by|from", did: "supply", done: "supplied" }),
        v.price(1, 90),
        number("stock|units in stock", [0, 600, 5], { total: true }),
        category("colour", v.COLOURS, { adjective: true }),
      ),
      entity(
        "shipment",
        to("part", { by: "of|containing", did: "have" }),
        v.quantity(1, 200),
        category("destination", v.CITIES, { is: "to|sent to" }),
        v.happened("ship date|shipping date", "shipped", 2021, 2024),
        v.status("pending", "delivered", "returned"),
      ),
    ],
  },
  {
    name: "theatre",
    entities: [
      entity(
        "play",
        v.title(),
        category("genre", ["comedy", "tragedy", "musical", "drama"], { adjective: true }),
        number("duration|running time", [45, 200, 5], {
          unit: "minutes",
          more: "longer than",
          less: "shorter than",
          most: "longest",
          least: "shortest",
        }),
      ),
      entity(
        "performance",
        to("play", { by: "of", did: "had" }),
        category("hall|stage", ["red", "blue", "garden", "studio"], { is: "in hall" }),
        v.happened("performance date|date", "held|given", 2021, 2024),
        number("tickets sold|ticket sales", [0, 480, 5], { total: true, most: "best attended" }),
      ),
      person(
        "actor",
        v.personName(),
        v.age(18, 75),
        to("play", { by: "appearing in|starring in", did: "feature", done: "featured" }),
      ),
    ],
  },
  {
    name: "energy",
    entities: [
      entity(
        "plant|plants",
        v.placeName("name|plant name", "Wind", "Solar", "Hydro"),
        category("energy source|source", ["wind", "solar", "hydro", "gas"], { adjective: true }),
        number("capacity|capacity in MW", [5, 900, 5], {
          unit: "MW",
          most: "largest",
          least: "smallest",
          total: true,
        }),
        v.country("in"),
        date("opening date", [1998, 2023], { happened: "opened", most: "newest", least: "oldest" }),
      ),
      entity(
        "outage",
        to("plant", { by: "at|of", did: "had" }),
        number("hours|duration in hours", [1, 72], {
          unit: "hours",
          most: "longest",
          least: "shortest",
          total: true,
        }),
        category("cause|reason", ["storm", "repair", "overload", "fire"], { is: "caused by" }),
        v.happened("outage date|date", "recorded", 2019, 2024),
      ),
    ],
  },
];
