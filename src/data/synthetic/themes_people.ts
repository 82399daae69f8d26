/**
 * Themes of learning, work, health and public life.
 * @module
 */
import type { Theme } from "./types.ts";
import * as v from "./values.ts";
import { category, date, entity, flag, label, number, person, to } from "./vocabulary.ts";

const SUBJECTS = [
  "Biology",
  "Chemistry",
  "Economics",
  "History",
  "Literature",
  "Mathematics",
  "Philosophy",
  "Physics",
  "Sociology",
];

/** Themes for training. */
export const PEOPLE_THEMES: readonly Theme[] = [
  {
    name: "university",
    entities: [
      entity(
        "department",
        label("name|department name", SUBJECTS),
        category("building", ["North Hall", "South Hall", "Main Wing", "Science Park"], {
          is: "in",
        }),
        number("budget", [120, 900, 10], { unit: "thousand", total: true, most: "best funded" }),
      ),
      person(
        "professor",
        v.personName(),
        to("department", { by: "working in|who work in|from", did: "employ" }),
        v.salary(),
        v.hired(),
        category("rank|title", ["Lecturer", "Associate", "Full"], { adjective: true }),
      ),
      entity(
        "course",
        label(
          "title|course title",
          ["Introduction to", "Advanced", "Topics in", "Applied"],
          SUBJECTS,
        ),
        to("professor", { by: "taught by", did: "teach", done: "taught" }),
        number("credits|credit points", [2, 12], { total: true }),
        category("term|semester", ["Spring", "Summer", "Autumn"], { is: "in" }),
        number("capacity|seats", [15, 220, 5], { total: true, most: "largest", least: "smallest" }),
      ),
      person(
        "student",
        v.personName(),
        v.age(17, 34),
        v.country(),
        number("grade average|GPA", [2, 4, 0.05], { most: "best", least: "weakest" }),
        to("department", { by: "enrolled in|belonging to", did: "have" }),
      ),
    ],
  },
  {
    name: "school",
    entities: [
      person(
        "teacher",
        v.personName(),
        category("subject", ["history", "physics", "music", "geography", "art"], {
          adjective: true,
        }),
        v.salary(),
        v.age(24, 65),
      ),
      entity(
        "class|classes",
        label("name|class name", ["1", "2", "3", "4", "5", "6"], ["A", "B", "C", "D"]),
        to("teacher", { by: "led by|taught by", did: "lead", done: "led" }),
        category("room", ["R1", "R2", "R3", "Lab", "Hall"], { is: "in room" }),
        number("size|number of pupils", [12, 34], { most: "largest|biggest", least: "smallest" }),
      ),
      person(
        "pupil",
        v.personName(),
        to("class", { by: "in|attending", did: "have" }),
        date("birth date|date of birth", [2008, 2016], {
          happened: "born",
          most: "youngest",
          least: "oldest",
        }),
        v.city(),
      ),
    ],
  },
  {
    name: "company",
    entities: [
      entity(
        "department",
        label("name", [
          "Finance",
          "Legal",
          "Marketing",
          "Production",
          "Research",
          "Sales",
          "Support",
        ]),
        category("location|site", v.CITIES, { is: "in|located in" }),
        number("budget", [50, 950, 10], { total: true }),
      ),
      person(
        "employee",
        v.personName(),
        to("department", { by: "working in|in", did: "employ" }),
        v.salary(),
        v.hired(),
        category("position|job title", ["analyst", "engineer", "manager", "assistant"], {
          adjective: false,
        }),
        v.city(),
      ),
      entity(
        "project",
        label("name|project name", v.COLOURS.map((word) => word[0].toUpperCase() + word.slice(1)), [
          "Bridge",
          "Falcon",
          "Harvest",
          "Tower",
        ]),
        to("employee", { by: "managed by|led by", did: "manage", done: "managed" }),
        v.cost("cost", 5000, 90000, 500),
        v.status("planned", "running", "finished", "cancelled"),
        date("deadline|due date", [2023, 2025], {
          happened: "due",
          most: "latest",
          least: "earliest",
        }),
      ),
    ],
  },
  {
    name: "clinic",
    entities: [
      person(
        "doctor",
        v.personName(),
        category("specialty", ["cardiology", "dermatology", "neurology", "surgery"], { is: "in" }),
        number("years of experience|experience", [1, 38], { most: "most experienced" }),
      ),
      person(
        "patient",
        v.personName(),
        v.age(1, 95),
        v.city(),
        category("blood type", ["A", "B", "AB", "O"]),
      ),
      entity(
        "visit",
        to("doctor", { by: "handled by|to", did: "handle", done: "handled" }),
        to("patient", { by: "made by|by", did: "made" }),
        v.happened("visit date", "made", 2021, 2024),
        category("diagnosis", ["flu", "asthma", "migraine", "allergy", "fracture"]),
        v.cost("fee|charge", 20, 400, 5),
      ),
    ],
  },
  {
    name: "elections",
    entities: [
      entity(
        "party",
        label("name|party name", ["Green", "Liberal", "National", "Progress", "Unity", "Workers"], [
          "Alliance",
          "Party",
          "Union",
        ]),
        number("founding year|year founded", [1890, 2018], {
          more: "founded after",
          less: "founded before",
          most: "youngest|newest",
          least: "oldest",
        }),
        number("members|member count", [500, 90000, 100], { most: "largest", least: "smallest" }),
      ),
      person(
        "candidate",
        v.personName(),
        to("party", { by: "running for|of", did: "nominated" }),
        v.age(25, 79),
        category("district|constituency", v.CITIES, { is: "in|from" }),
        number("votes|vote count", [300, 60000, 10], { total: true, most: "most popular" }),
        flag("is incumbent|incumbent", "incumbent", "new"),
      ),
    ],
  },
  {
    name: "charity",
    entities: [
      person("donor", v.personName(), v.country(), v.joined("who registered", "registration date")),
      entity(
        "campaign",
        v.title("name|campaign name"),
        category("cause", ["education", "health", "climate", "animals", "housing"], { is: "for" }),
        v.cost("goal|target amount", 2000, 80000, 500),
      ),
      entity(
        "donation",
        to("donor", { by: "made by|from", did: "made" }),
        to("campaign", { by: "to|for", did: "received" }),
        v.cost("amount", 5, 2000, 5),
        v.happened("donation date|date", "made", 2020, 2024),
        category("payment method|method", ["card", "cash", "transfer"], { is: "paid by" }),
      ),
    ],
  },
  {
    name: "gym",
    entities: [
      person(
        "trainer",
        v.personName(),
        category("speciality", ["yoga", "boxing", "pilates", "swimming", "cycling"]),
        number("hourly rate", [20, 95], {
          more: "charging more than",
          less: "charging less than",
          most: "most expensive",
          least: "cheapest",
        }),
      ),
      person(
        "member",
        v.personName(),
        v.age(16, 80),
        category("plan|membership", ["basic", "plus", "premium"], { adjective: true }),
        v.joined(),
        to("trainer", { by: "trained by|coached by", did: "train", done: "trained" }),
      ),
      entity(
        "session",
        to("member", { by: "booked by|of", did: "booked" }),
        number("duration|length in minutes", [20, 120, 5], {
          unit: "minutes",
          more: "longer than|lasting more than",
          less: "shorter than|lasting less than",
          most: "longest",
          least: "shortest",
          total: true,
        }),
        category("weekday|day of the week", v.WEEKDAYS, { is: "on" }),
      ),
    ],
  },
];
