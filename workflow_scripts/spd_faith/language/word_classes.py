"""Classes of common words that tell where a noun begins, ends, or names nothing in a picture."""

from spd_faith.language.words import word_set

DETERMINERS = word_set(
    "the a an one two three four five another some this that these those each every its his her their no"
)
"""Articles, small numbers, demonstratives and possessives: a noun follows."""

PREPOSITIONS = word_set(
    "of in on at from to into onto with without near by under over behind beside between next above below against "
    "around inside outside across through for as than towards toward per via"
)
"""A noun ends before them."""

VERBS = word_set(
    "is are was were be been being has have had does do did isn't aren't wasn't weren't hasn't haven't doesn't don't "
    "didn't can can't cannot could will became becomes become turned turns stays stayed remains remained looks looked "
    "seems seemed appears appeared shows show contains contain changed changes differs differ went got lost keeps kept "
    "stands sits lies lay stood sat hangs hung features feature depicts depict displays display includes include"
)
"""Auxiliaries, and verbs of being, seeming, changing and holding."""

CONJUNCTIONS = word_set("and or but while whereas then because so if when although though plus nor")
"""What joins clauses or the parts of one."""

ADVERBS = word_set(
    "now not no also still again only just no longer there here both all too instead rather completely entirely "
    "slightly simply clearly actually exactly up down away off out back forward forwards backward backwards aside "
    "apart along onwards upward upwards downward downwards sideways leftward leftwards rightward rightwards"
)
"""Adverbs and other words that stand between a noun and its verb."""

NO_OBJECTS = word_set(
    "picture pictures image images photo photos photograph photographs scene scenes version versions pair side "
    "difference differences change changes color colors colour colours position positions location locations place "
    "places placement size shape hue shade object objects item items thing things element elements one ones other "
    "others number count answer type category rest same left right top bottom center centre middle corner area part "
    "row column cell first second third fourth fifth last following former latter total detail details everything "
    "something nothing anything it they he she there which that this who what way step modification modifications "
    "alteration removal addition appearance presence absence existence orientation end yes yep yeah nope okay ok "
    "sure wait i we you me us him them my our your somebody someone anybody nobody everybody everyone bit lot "
    "course fact result conclusion summary case glance sight comparison edited original modified grid spot view "
    "frame inventory background foreground scenery setting layout lighting composition"
)
"""Nouns and pronouns that name no object in a picture."""
