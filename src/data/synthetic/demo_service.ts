/**
 * The demo databases of services: healthcare and software as a service.
 * @module
 */
import type { Theme } from "./types.ts";
import * as v from "./values.ts";
import { category, date, entity, given, label, number, person, to } from "./vocabulary.ts";

const MEDICINES = {
  Amoxicillin: { range: [250, 1000, 250] },
  Ibuprofen: { range: [200, 600, 200] },
  Lisinopril: { range: [5, 20, 5] },
  Metformin: { range: [500, 1000, 500] },
  Sertraline: { range: [25, 100, 25] },
} as const;

const PLANS = {
  Free: { range: [0, 0] },
  Starter: { range: [19, 19] },
  Team: { range: [59, 59] },
  Business: { range: [149, 149] },
  Enterprise: { range: [499, 499] },
} as const;

/** Healthcare and SaaS. */
export const SERVICE_DEMOS:
  readonly (Theme & { readonly rows: Readonly<Record<string, number>> })[] = [
    {
      name: "healthcare",
      rows: { department: 6, doctor: 24, patient: 90, appointment: 320, prescription: 180 },
      entities: [
        entity(
          "department",
          label("name", [
            "Cardiology",
            "Dermatology",
            "Neurology",
            "Oncology",
            "Paediatrics",
            "Surgery",
          ]),
          category("building", ["North Wing", "South Wing", "Tower"], { is: "in" }),
          number("beds", [12, 60, 2], { total: true, most: "largest", least: "smallest" }),
        ),
        person(
          "doctor",
          v.personName("name"),
          to("department", { by: "working in|of", did: "employ", done: "employed" }),
          category("position", ["consultant", "resident", "head physician"]),
          date("hire date", [2005, 2022], {
            happened: "hired",
            most: "most recently hired|newest",
            least: "longest serving",
          }),
        ),
        person(
          "patient",
          v.personName("name"),
          date("birth date", [1938, 2018], { happened: "born", most: "youngest", least: "oldest" }),
          category("city", ["Graz", "Linz", "Salzburg", "Vienna"], { is: "from|in" }),
          category("insurance", ["public", "private", "none"]),
        ),
        entity(
          "appointment",
          to("patient", { by: "made by|of", did: "made" }),
          to("doctor", { by: "with", did: "had" }),
          v.happened("appointment date", "scheduled", 2023, 2024),
          category("reason", ["check-up", "follow-up", "consultation", "emergency"], { is: "for" }),
          v.status("completed", "cancelled", "missed"),
          v.cost("fee", 30, 280, 5),
        ),
        entity(
          "prescription",
          to("patient", { by: "for|issued to", did: "received" }),
          to("doctor", { by: "issued by|written by", did: "wrote", done: "written" }),
          category("medicine", Object.keys(MEDICINES), { is: "for|of" }),
          given(
            "medicine",
            MEDICINES,
            number("dose", [0, 0], { unit: "mg", most: "strongest", least: "weakest" }),
          ),
          number("days", [5, 60, 5], { most: "longest", least: "shortest", total: true }),
          v.happened("issue date", "issued", 2023, 2024),
        ),
      ],
    },
    {
      name: "saas",
      rows: { plan: 5, company: 48, user: 190, invoice: 340, ticket: 210 },
      entities: [
        entity(
          "plan",
          label("name", Object.keys(PLANS)),
          given(
            "name",
            PLANS,
            number("monthly price", [0, 0], { most: "most expensive", least: "cheapest" }),
          ),
        ),
        entity(
          "company",
          v.companyName("name"),
          category("industry", ["education", "finance", "health", "media", "retail"]),
          v.country("in|based in"),
          to("plan", { by: "on|subscribed to", did: "have" }),
          date("signup date", [2019, 2022], {
            happened: "that signed up",
            most: "newest",
            least: "oldest",
          }),
        ),
        person(
          "user",
          v.personName("name"),
          to("company", { by: "working for|of", did: "have" }),
          category("role", ["member", "admin", "viewer"]),
          v.active(),
          date("last login", [2024, 2024], {
            happened: "who last logged in",
            most: "most recently active",
          }),
        ),
        entity(
          "invoice",
          to("company", { by: "sent to|for", did: "received" }),
          number("amount", [19, 2499, 10], { total: true }),
          v.happened("issue date", "issued", 2023, 2024),
          v.status("paid", "open", "overdue"),
        ),
        entity(
          "ticket",
          to("user", { by: "opened by|from", did: "opened" }),
          category("priority", ["low", "normal", "high", "urgent"]),
          category("topic", ["billing", "bug", "login", "question"], { is: "about" }),
          v.happened("opening date", "opened", 2023, 2024),
          date("closing date", [2023, 2024], {
            happened: "closed",
            most: "most recently closed",
            after: { words: "opening date", days: [0, 30] },
            missing: 18,
          }),
        ),
      ],
    },
  ];
