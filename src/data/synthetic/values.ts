/**
 * Values that several themes share. All are made up or of common use.
 * @module
 */
import { category, date, flag, label, number } from "./vocabulary.ts";
import type { Attribute } from "./types.ts";

const words = (text: string) => text.trim().split(/\s+/);
const lines = (text: string) => text.trim().split(/\s*,\s*/);

export const FIRST_NAMES: readonly string[] = words(`
  Ada Amir Anna Ben Bianca Carlos Chloe Daan Dara Diego Elena Emil Eva Farid Fiona Gita Grace Hana Hugo
  Ines Ivan Jana Jonas Julia Kai Karim Lara Leo Lina Luca Maya Mia Milan Nadia Nils Noor Olga Omar Paula
  Pavel Priya Rania Rosa Ruth Samir Sara Sofia Stefan Tara Theo Tomas Uma Vera Victor Wei Yara Yusuf Zoe
`);

export const LAST_NAMES: readonly string[] = words(`
  Abbas Adams Almeida Bauer Becker Brown Castro Chen Cohen Costa D'Angelo Dubois Fischer Garcia Gomez
  Haddad Hansen Ito Jensen Jones Kato Keller Khan Kim Kovacs Larsen Lopez Marino Mendes Moreau Nakamura
  Novak O'Brien O'Neil Okafor Olsen Park Patel Peters Petrov Popescu Rao Reyes Rossi Sato Schmidt Silva
  Singh Soto Tanaka Torres Vargas Virtanen Weber Wilson Yilmaz Young Zhang
`);

export const CITIES: readonly string[] = lines(`
  Oslo, Lima, Cairo, Osaka, Lisbon, Boston, Nairobi, Vienna, Porto, Quebec, Bergen, Seville, Kyoto, Denver,
  Accra, Hanoi, Krakow, Leeds, Malmo, Tunis, New Delhi, Cape Town, San Jose, Santa Fe
`);

export const COUNTRIES: readonly string[] = lines(`
  Norway, Peru, Egypt, Japan, Portugal, Canada, Kenya, Austria, Spain, Ghana, Vietnam, Poland, Sweden,
  Tunisia, India, Chile, Italy, New Zealand, South Korea
`);

export const COLOURS: readonly string[] = words("red blue green black white silver orange purple");
export const WEEKDAYS: readonly string[] = words(
  "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
);
export const PLACES: readonly string[] = words(`
  Harbour Hillside Lakeview Maple Northgate Oakwood Riverside Rosehill Station Sunset Valley Westfield
  Willow Birch Cedar Garden Castle Market
`);
export const ADJECTIVES: readonly string[] = words(`
  Silent Golden Broken Hidden Distant Bright Bitter Gentle Wild Frozen Crimson Lonely Ancient Electric
  Paper Second Restless Velvet Hollow Burning
`);
export const NOUNS: readonly string[] = words(`
  River Garden Mirror Winter Harbour Shadow Machine Island Letter Horizon Orchard Engine Forest Lantern
  Summer Mountain Voyage Window Feather Stone Compass Canyon
`);
const COMPANY_WORDS: readonly string[] = words(`
  Acorn Altair Atlas Boreal Cobalt Delta Ember Falcon Granite Helix Indigo Juniper Kestrel Lumen Meridian
  Nimbus Orion Pioneer Quartz Summit Tandem Umbra Vertex Zephyr
`);
const COMPANY_FORMS: readonly string[] = words(
  "Works Group Labs Partners Trading Systems Foods Media",
);

export const personName = (noun = "name|full name"): Attribute =>
  label(noun, FIRST_NAMES, LAST_NAMES);
export const companyName = (noun = "name|company name"): Attribute =>
  label(noun, COMPANY_WORDS, COMPANY_FORMS);
export const title = (noun = "title"): Attribute => label(noun, ADJECTIVES, NOUNS);
export const placeName = (noun: string, ...forms: readonly string[]): Attribute =>
  label(noun, PLACES, forms);

export const city = (is = "in|from"): Attribute => category("city", CITIES, { is });
export const country = (is = "in|from"): Attribute => category("country", COUNTRIES, { is });
export const status = (...values: readonly string[]): Attribute =>
  category("status", values, { adjective: true });
export const price = (least: number, greatest: number, step = 0.5): Attribute =>
  number("price|unit price", [least, greatest, step], {
    more: "that cost more than|costing more than|priced above",
    less: "that cost less than|costing less than|priced below",
    most: "most expensive",
    least: "cheapest",
  });
export const cost = (noun: string, least: number, greatest: number, step = 1): Attribute =>
  number(noun, [least, greatest, step], { total: true });
export const quantity = (least: number, greatest: number): Attribute =>
  number("quantity", [least, greatest], { total: true });
export const rating = (): Attribute =>
  number("rating|score", [1, 5], {
    more: "rated above|rated higher than",
    less: "rated below|rated lower than",
    most: "highest rated|best rated",
    least: "lowest rated|worst rated",
  });
export const salary = (): Attribute =>
  number("salary", [24000, 98000, 100], {
    more: "who earn more than|earning more than",
    less: "who earn less than|earning less than",
    most: "best paid|highest paid",
    least: "lowest paid|worst paid",
    total: true,
  });
export const age = (least: number, greatest: number): Attribute =>
  number("age", [least, greatest], {
    more: "older than|aged over",
    less: "younger than|aged under",
    most: "oldest",
    least: "youngest",
  });
export const happened = (
  noun: string,
  verb: string,
  first: number,
  last: number,
): Attribute =>
  date(noun, [first, last], {
    happened: verb,
    most: "latest|most recent",
    least: "earliest|first",
  });
export const hired = (): Attribute =>
  date("hire date|start date", [2012, 2024], {
    happened: "hired",
    most: "most recently hired|newest",
    least: "longest serving",
  });
export const joined = (verb = "who joined", noun = "join date|member since"): Attribute =>
  date(noun, [2018, 2024], { happened: verb, most: "newest", least: "first" });
export const active = (): Attribute => flag("is active|active", "active", "inactive");
