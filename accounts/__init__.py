"""People, their companies and roles, and how they prove who they are."""
