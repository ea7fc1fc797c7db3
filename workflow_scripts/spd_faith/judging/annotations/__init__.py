"""Labels by people: draws pairs, shows every model's answers to them, reads what people marked, measures agreement."""
