package methods

func bootstrapMethods() []Method { return nil }
