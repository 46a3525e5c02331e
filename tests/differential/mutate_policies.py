"""Mutations of statements and documents."""

import copy

from mutator import Mutator, is_function, statements_of
from pieces import ACCOUNTS, ACTIONS, IDENTITY, KEY, TRUST, TRUST_ACTIONS, condition


class Policies(Mutator):
    """Drops, duplicates, widens, and narrows statements, and adds conditions."""

    def drop_statement(self):
        where, statements, index, _ = self.statement()
        rest = statements[:index] + statements[index + 1 :]
        # A policy must keep a statement that does not depend on a condition.
        if all("Fn::If" in statement for statement in rest):
            return None
        statements.pop(index)
        return f"drop {where}"

    def duplicate_statement(self):
        where, statements, index, _ = self.statement()
        statement = copy.deepcopy(statements[index])
        statement["Effect"] = "Deny" if statement["Effect"] == "Allow" else "Allow"
        if statement["Effect"] == "Allow" and "NotPrincipal" in statement:
            return None
        statement["Condition"] = condition(self.rng)
        statement.pop("Sid", None)
        statements.append(statement)
        return f"duplicate {where} with the other effect and a condition"

    def flip_effect(self):
        where, statements, index, _ = self.statement()
        statement = statements[index]
        if "NotPrincipal" in statement:
            return None
        statement["Effect"] = "Deny" if statement["Effect"] == "Allow" else "Allow"
        return f"flip the effect of {where}"

    def change_action(self):
        where, statements, index, policy = self.statement()
        statement, choices = statements[index], TRUST_ACTIONS if policy == TRUST else ACTIONS
        if "Action" not in statement:
            return None
        kind = self.rng.random()
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if kind < 0.2:
            statement["Action"] = self.rng.choice(choices)
        elif kind < 0.3 and policy != TRUST:
            statement["NotAction"] = statement.pop("Action")
        elif kind < 0.6 and len(actions) > 1:
            actions.pop(self.rng.randrange(len(actions)))
            statement["Action"] = actions
        else:
            actions[self.rng.randrange(len(actions))] = self.rng.choice(choices)
            statement["Action"] = actions
        return f"change the actions of {where}"

    def change_resource(self):
        where, statements, index, kind = self.statement()
        statement = statements[index]
        if "Resource" not in statement or kind == KEY:
            return None
        if self.rng.random() < 0.1:
            statement["NotResource"] = statement.pop("Resource")
        else:
            statement["Resource"] = self.resource(kind)
        return f"change the resource of {where}"

    def change_principal(self):
        where, statements, index, kind = self.statement()
        statement = statements[index]
        if kind == IDENTITY or "Principal" not in statement:
            return None
        # A trust policy cannot have NotPrincipal.
        if kind != TRUST and statement["Effect"] == "Deny" and self.rng.random() < 0.4:
            statement.pop("Principal")
            statement["NotPrincipal"] = {"AWS": self.rng.sample(
                [*self.role_arns(), *(f"arn:aws:iam::{a}:root" for a in ACCOUNTS[:2])], self.rng.choice([1, 2, 3])
            )}  # fmt: skip
        else:
            statement["Principal"] = self.principal()
        return f"change the principal of {where}"

    def add_condition(self):
        where, statements, index, kind = self.statement()
        found = statements[index].setdefault("Condition", {})
        for operator, keys in condition(self.rng, kind == IDENTITY).items():
            found.setdefault(operator, {}).update(keys)
        return f"add a condition to {where}"

    def drop_condition(self):
        where, statements, index, _ = self.statement()
        if not statements[index].pop("Condition", None):
            return None
        return f"drop the condition of {where}"

    def add_statement(self):
        where, document, kind = self.rng.choice(self.documents())
        statements_of(document).append(self.new_statement(kind))
        return f"add a statement to {where}"

    def change_version(self):
        """Sets an older version without variables, usually together with a variable."""
        where, document, kind = self.rng.choice(self.documents())
        if self.rng.random() < 0.5:
            document["Version"] = "2008-10-17"
        else:
            document.pop("Version", None)
        chosen = self.rng.choice([s for s in statements_of(document) if not is_function(s)] or [None])
        if chosen is None or kind == TRUST or self.rng.random() < 0.3:
            return f"an older version of {where}"
        key = self.rng.choice(["aws:PrincipalAccount", "aws:ResourceAccount", "aws:PrincipalTag/team"])
        operator = self.rng.choice(["StringEquals", "StringNotEquals", "StringLike"])
        chosen.setdefault("Condition", {}).setdefault(operator, {})[key] = "${" + key + "}"
        return f"an older version of {where} with a variable"
