/**
 * Themes that nothing is ever trained on.
 * @module
 */
import type { Theme } from "./types.ts";
import * as v from "./values.ts";
import { category, date, entity, flag, label, number, person, to } from "./vocabulary.ts";

/** Themes for testing on schemas that were not seen. */
export const UNSEEN_THEMES: readonly Theme[] = [
  {
    name: "music",
    entities: [
      entity(
        "band",
        label("band name", v.ADJECTIVES, ["Foxes", "Pilots", "Wolves", "Kites", "Echoes"]),
        v.country(),
        number("formation year", [1962, 2020], {
          more: "formed after",
          less: "formed before",
          most: "newest",
          least: "oldest",
        }),
      ),
      entity(
        "album",
        v.title("album title"),
        to("band", { by: "recorded by|by", did: "recorded" }),
        v.happened("release day", "released", 1990, 2024),
        number("copies sold", [1000, 900000, 500], {
          total: true,
          most: "best selling",
          least: "worst selling",
        }),
        category("music style", ["jazz", "rock", "folk", "techno"], { adjective: true }),
      ),
      entity(
        "song",
        label("song title", v.ADJECTIVES, ["Dance", "Night", "Heart", "Road", "Rain"]),
        to("album", { by: "on|from", did: "contain", done: "contained" }),
        number("seconds|length in seconds", [95, 560], {
          unit: "seconds",
          more: "longer than",
          less: "shorter than",
          most: "longest",
          least: "shortest",
          total: true,
        }),
      ),
    ],
  },
  {
    name: "football",
    entities: [
      entity(
        "club",
        v.placeName("club name", "Rovers", "United", "Athletic"),
        category("league", ["Premier", "First", "Second"], { is: "in league" }),
        number("stadium capacity", [3000, 80000, 500], { most: "largest", least: "smallest" }),
      ),
      person(
        "player",
        v.personName("player name"),
        to("club", { by: "playing for|of", did: "signed" }),
        category("field position", ["keeper", "defender", "midfielder", "striker"]),
        number("goals", [0, 48], { total: true, most: "top scoring" }),
        number("height|height in cm", [164, 204], {
          more: "taller than",
          less: "shorter than",
          most: "tallest",
          least: "shortest",
          unit: "cm",
        }),
        date("signing date", [2016, 2024], { happened: "signed", most: "newest" }),
      ),
    ],
  },
  {
    name: "zoo",
    entities: [
      entity(
        "enclosure",
        v.placeName("enclosure name", "House", "Meadow", "Pool"),
        category("climate", ["tropical", "arid", "polar", "temperate"], { adjective: true }),
        number("surface|surface area", [30, 4000, 10], {
          most: "largest",
          least: "smallest",
          total: true,
        }),
      ),
      entity(
        "animal",
        label("nickname", v.FIRST_NAMES),
        to("enclosure", { by: "living in|kept in", did: "house", done: "housed" }),
        category("species", ["lion", "otter", "zebra", "penguin", "gecko"]),
        number("weight|weight in kg", [1, 640], {
          unit: "kg",
          more: "heavier than",
          less: "lighter than",
          most: "heaviest",
          least: "lightest",
          total: true,
        }),
        v.happened("arrival date", "that arrived", 2010, 2024),
      ),
      entity(
        "feeding",
        to("animal", { by: "of", did: "had" }),
        category("food", ["fish", "hay", "fruit", "meat"], { is: "with" }),
        number("portion|portion in grams", [50, 9000, 50], {
          unit: "grams",
          total: true,
          most: "largest",
          least: "smallest",
        }),
        v.happened("feeding day", "done", 2022, 2024),
      ),
    ],
  },
  {
    name: "museum",
    entities: [
      entity(
        "gallery",
        v.placeName("gallery name", "Gallery", "Rooms"),
        number("floor", [0, 5]),
        number("yearly visitors", [900, 64000, 100], {
          total: true,
          most: "most visited",
          least: "least visited",
        }),
      ),
      person(
        "painter",
        v.personName("painter name"),
        v.country(),
        category("movement|art movement", ["cubism", "realism", "impressionism"], {
          is: "associated with",
        }),
      ),
      entity(
        "painting",
        v.title("painting title"),
        to("painter", { by: "painted by|by", did: "painted" }),
        to("gallery", { by: "hanging in|shown in", did: "show", done: "shown" }),
        number("insured value", [5000, 900000, 1000], {
          total: true,
          most: "most valuable",
          least: "least valuable",
        }),
        flag("is on loan|on loan", "borrowed", "owned"),
      ),
    ],
  },
  {
    name: "space",
    entities: [
      entity(
        "agency",
        v.companyName("agency name"),
        category("home country", v.COUNTRIES, { is: "of" }),
        number("launches|number of launches", [1, 240], { total: true, most: "busiest" }),
      ),
      entity(
        "satellite",
        label("satellite name", ["Aurora", "Beacon", "Echo", "Pathfinder", "Sentry"], [
          "1",
          "2",
          "3",
          "4",
          "5",
          "7",
        ]),
        to("agency", { by: "operated by", did: "operate", done: "operated" }),
        category("orbit", ["low", "polar", "geostationary"], { adjective: true }),
        number("mass|mass in kg", [12, 6400, 4], {
          unit: "kg",
          more: "heavier than",
          less: "lighter than",
          most: "heaviest",
          least: "lightest",
          total: true,
        }),
        v.happened("launch date", "launched", 1998, 2024),
      ),
    ],
  },
  {
    name: "post",
    entities: [
      entity(
        "depot",
        v.placeName("depot name", "Depot", "Hub"),
        category("zone", ["east", "west", "central"], { is: "in zone" }),
        number("vans|number of vans", [2, 60], { total: true }),
      ),
      person(
        "courier",
        v.personName("courier name"),
        to("depot", { by: "based at|working at", did: "employ", done: "employed" }),
        number("deliveries per day", [20, 190], { most: "busiest" }),
        v.hired(),
      ),
      entity(
        "parcel",
        label("tracking code", ["PX", "QT", "RV"], [
          "1041",
          "2207",
          "3390",
          "4815",
          "5266",
          "6124",
          "7731",
          "8802",
          "9153",
        ]),
        to("courier", { by: "delivered by|carried by", did: "delivered" }),
        number("weight|weight in grams", [100, 20000, 100], {
          unit: "grams",
          more: "heavier than",
          less: "lighter than",
          most: "heaviest",
          least: "lightest",
          total: true,
        }),
        category("delivery state", ["sorted", "delivered", "lost", "returned"], {
          adjective: true,
        }),
        v.happened("posting date", "posted", 2022, 2024),
      ),
    ],
  },
];
