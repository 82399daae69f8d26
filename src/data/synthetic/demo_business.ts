/**
 * The demo databases of trade and money: e-commerce, finance, retail.
 * @module
 */
import type { Theme } from "./types.ts";
import * as v from "./values.ts";
import { category, date, entity, given, label, number, person, to } from "./vocabulary.ts";

const HOMES: Readonly<Record<string, string>> = {
  Oslo: "Norway",
  Bergen: "Norway",
  Lisbon: "Portugal",
  Porto: "Portugal",
  Vienna: "Austria",
  Krakow: "Poland",
  Madrid: "Spain",
  Seville: "Spain",
};

/** The country of the city. */
const homeCountry = given(
  "city",
  Object.fromEntries(
    Object.entries(HOMES).map(([city, country]) => [city, { values: [[country]] }]),
  ),
  category("country", [], { is: "in|from" }),
);

const GOODS = {
  Electronics: {
    values: [["Compact", "Wireless", "Smart"], [
      "Speaker",
      "Camera",
      "Keyboard",
      "Headset",
      "Charger",
    ]],
    range: [19.9, 399.9, 5],
  },
  Kitchen: {
    values: [["Steel", "Ceramic", "Glass"], ["Kettle", "Pan", "Teapot", "Bowl", "Grinder"]],
    range: [8.5, 119.5, 1.5],
  },
  Sports: {
    values: [["Light", "Classic", "Pro"], ["Racket", "Yoga Mat", "Helmet", "Backpack"]],
    range: [12, 180, 2],
  },
  Books: {
    values: [["Modern", "Easy", "Everyday"], ["Cooking", "Gardening", "Astronomy", "Chess"]],
    range: [7.9, 45.9, 1],
  },
} as const;

const byCategory = (attribute: Parameters<typeof given>[2]) => given("category", GOODS, attribute);

const GROCERIES = {
  Bakery: {
    values: [["Rye", "Wheat", "Seeded"], ["Bread", "Rolls", "Bagels"]],
    range: [1.2, 6.2, 0.2],
  },
  Dairy: {
    values: [["Whole", "Organic", "Light"], ["Milk", "Yoghurt", "Butter"]],
    range: [0.9, 4.9, 0.2],
  },
  Household: {
    values: [["Citrus", "Gentle", "Strong"], ["Soap", "Cleaner", "Sponges"]],
    range: [1.5, 14.5, 0.5],
  },
  Produce: {
    values: [["Red", "Green", "Golden"], ["Apples", "Peppers", "Grapes"]],
    range: [0.8, 5.8, 0.2],
  },
} as const;

/** E-commerce, finance and retail. */
export const BUSINESS_DEMOS:
  readonly (Theme & { readonly rows: Readonly<Record<string, number>> })[] = [
    {
      name: "ecommerce",
      rows: { customer: 80, product: 40, order: 220, "order item": 480, review: 160 },
      entities: [
        person(
          "customer",
          v.personName("name"),
          category("city", Object.keys(HOMES), { is: "in|from|living in" }),
          homeCountry,
          date("signup date", [2020, 2022], {
            happened: "who signed up",
            most: "newest",
            least: "first",
          }),
        ),
        entity(
          "product",
          category("category", Object.keys(GOODS), { is: "in the category|in category" }),
          byCategory(label("name")),
          byCategory(v.price(0, 0)),
          number("stock", [0, 240], { total: true }),
        ),
        entity(
          "order",
          to("customer", { by: "placed by|made by|of", did: "placed" }),
          v.happened("order date", "placed", 2023, 2024),
          v.status("delivered", "shipped", "pending", "cancelled"),
          category("payment method", ["card", "invoice", "wallet"], { is: "paid by" }),
        ),
        entity(
          "order item",
          to("order", { by: "of|in", did: "contain", done: "contained" }),
          to("product", { by: "for|of", did: "appear in" }),
          v.quantity(1, 6),
        ),
        entity(
          "review",
          to("product", { by: "of|about", did: "received" }),
          to("customer", { by: "written by|by", did: "wrote", done: "written" }),
          v.rating(),
          v.happened("review date", "written", 2023, 2024),
        ),
      ],
    },
    {
      name: "finance",
      rows: { branch: 8, client: 70, account: 110, transaction: 520, loan: 60 },
      entities: [
        entity(
          "branch",
          v.placeName("name", "Branch"),
          category("city", Object.keys(HOMES), { is: "in" }),
          date("opening date", [1985, 2015], {
            happened: "opened",
            most: "newest",
            least: "oldest",
          }),
        ),
        person(
          "client",
          v.personName("name"),
          category("segment", ["private", "business", "premium"], { adjective: true }),
          date("birth date", [1948, 2004], { happened: "born", most: "youngest", least: "oldest" }),
          to("branch", { by: "of|served by", did: "serve", done: "served" }),
        ),
        entity(
          "account",
          to("client", { by: "held by|owned by|of", did: "hold", done: "held" }),
          category("type", ["checking", "savings", "deposit"], { adjective: true }),
          given(
            "type",
            {
              checking: { range: [50, 9000, 10] },
              savings: { range: [500, 42000, 50] },
              deposit: { range: [5000, 90000, 500] },
            },
            number("balance", [0, 0], { total: true }),
          ),
          date("opening date", [2016, 2022], {
            happened: "opened",
            most: "newest",
            least: "oldest",
          }),
        ),
        entity(
          "transaction",
          to("account", { by: "on|of", did: "had" }),
          category("type", ["payment", "deposit", "withdrawal", "transfer"]),
          given(
            "type",
            {
              payment: { range: [3, 400] },
              deposit: { range: [100, 5000, 50] },
              withdrawal: { range: [20, 600, 20] },
              transfer: { range: [10, 3000, 10] },
            },
            v.cost("amount", 0, 0),
          ),
          v.happened("transaction date", "made|booked", 2023, 2024),
        ),
        entity(
          "loan",
          to("client", { by: "taken out by|of", did: "took out", done: "taken out" }),
          category("purpose", ["home", "car", "education", "business"], { is: "for" }),
          v.cost("amount", 2000, 250000, 1000),
          number("interest rate", [1.5, 9.5, 0.25], { unit: "percent" }),
          v.happened("start date", "started|granted", 2018, 2024),
          v.status("active", "repaid", "overdue"),
        ),
      ],
    },
    {
      name: "retail",
      rows: { store: 9, employee: 45, product: 36, sale: 600, delivery: 140 },
      entities: [
        entity(
          "store",
          v.placeName("name", "Store"),
          category("city", ["Leeds", "York", "Bristol", "Cardiff", "Oxford"], { is: "in" }),
          number("floor area", [180, 2400, 20], {
            most: "largest|biggest",
            least: "smallest",
            total: true,
          }),
          date("opening date", [1998, 2019], {
            happened: "opened",
            most: "newest",
            least: "oldest",
          }),
        ),
        person(
          "employee",
          v.personName("name"),
          to("store", { by: "working in|employed at", did: "employ", done: "employed" }),
          category("position", ["cashier", "manager", "stocker", "adviser"]),
          given("position", {
            cashier: { range: [24000, 31000, 100] },
            stocker: { range: [23000, 29000, 100] },
            adviser: { range: [29000, 38000, 100] },
            manager: { range: [41000, 62000, 100] },
          }, v.salary()),
          date("hire date", [2012, 2022], {
            happened: "hired",
            most: "most recently hired|newest",
            least: "longest serving",
          }),
        ),
        entity(
          "product",
          category("category", Object.keys(GROCERIES), { is: "in the category|in category" }),
          given("category", GROCERIES, label("name")),
          given("category", GROCERIES, v.price(0, 0)),
        ),
        entity(
          "sale",
          to("employee", { by: "made by|of", did: "made" }),
          to("product", { by: "of", did: "had" }),
          v.quantity(1, 12),
          v.happened("sale date", "made", 2023, 2024),
        ),
        entity(
          "delivery",
          to("store", { by: "to|received by", did: "received" }),
          to("product", { by: "of|containing", did: "had" }),
          number("quantity", [20, 400, 10], { total: true }),
          v.happened("delivery date", "received", 2023, 2024),
        ),
      ],
    },
  ];
