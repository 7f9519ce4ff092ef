"""Second factors: the algorithms of allauth's MFA, without its pages, sessions and mails."""
