"""How the control panel writes what Django writes by language."""
