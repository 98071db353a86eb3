import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: "latest", globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      complexity: ["error", 10],
      eqeqeq: "error",
      "max-lines": ["error", 300],
      "max-params": ["error", 5],
      "max-statements": ["error", 40],
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({
          property,
          message: "Prompts are hostile text: make elements with element().",
        })),
      ],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["tests/web/node/*.js", "tests/service/clients/*.js", "eslint.config.js"],
    languageOptions: { globals: globals.node },
  },
];
