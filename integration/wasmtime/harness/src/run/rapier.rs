//! The physics engine Rapier, as wasm-bindgen builds it for JavaScript: towers of boxes and balls fall over, and it prints
//! where everything is in the end.
//!
//! The library asks for a clock, to time its own parts, and for an array to put a position into; nothing else.

use super::{Outcome, Stopwatch};
use std::fmt::Write as _;
use wasmtime::error::Context as _;
use wasmtime::{
    Caller, Engine, ExternType, FuncType, Instance, Linker, Module, Result, Store, Val, ValType, bail, ensure,
    format_err,
};

/// Towers, and things in each.
const TOWERS: (usize, usize) = (8, 12);
/// Steps of a sixtieth of a second.
const STEPS: usize = 180;
/// The kind of a body that moves.
const DYNAMIC: f64 = 0.0;
/// The kind of a body that does not.
const FIXED: f64 = 1.0;
/// A number for an object of JavaScript's. The library hands it back and never looks into it.
const OBJECT: f64 = 200.0;

/// The array that the library puts positions into.
type Scratch = [f32; 3];

/// The library, instantiated.
struct Library {
    store: Store<Scratch>,
    instance: Instance,
}

impl Library {
    /// Calls an exported function as JavaScript does: with numbers, which become what the function takes.
    fn call(&mut self, name: &str, args: &[f64]) -> Result<f64> {
        let func = self.instance.get_func(&mut self.store, name);
        let func = func.ok_or_else(|| format_err!("the library does not export `{name}`"))?;
        let ty = func.ty(&self.store);
        ensure!(ty.params().len() == args.len(), "`{name}` takes {} arguments", ty.params().len());
        let args: Vec<Val> = ty.params().zip(args).map(|(ty, &arg)| value(&ty, arg)).collect::<Result<_>>()?;
        let mut results = vec![Val::I32(0); ty.results().len()];
        func.call(&mut self.store, &args, &mut results).with_context(|| format!("in `{name}`"))?;
        Ok(match results.first() {
            Some(Val::I32(number)) => f64::from(*number),
            Some(Val::F64(bits)) => f64::from_bits(*bits),
            _ => 0.0,
        })
    }

    fn make(&mut self, kind: &str) -> Result<f64> {
        self.call(&format!("{kind}_new"), &[])
    }
}

/// A number as a value of a type.
fn value(ty: &ValType, number: f64) -> Result<Val> {
    Ok(match ty {
        ValType::I32 => Val::I32(number as i64 as i32),
        ValType::F32 => Val::F32((number as f32).to_bits()),
        ValType::F64 => Val::F64(number.to_bits()),
        other => bail!("no number becomes {other}"),
    })
}

/// What bodies and colliders are made with.
struct World {
    bodies: f64,
    colliders: f64,
    zero: f64,
    upright: f64,
}

pub(super) fn run(engine: &Engine, module: &Module, args: &[String]) -> Result<Outcome> {
    ensure!(args.is_empty(), "this is Rapier: it takes no arguments");
    let mut linker = Linker::new(engine);
    link(&mut linker, module)?;
    linker.define_unknown_imports_as_traps(module)?;
    let mut store = Store::new(engine, [0.0; 3]);
    let instance = linker.instantiate(&mut store, module)?;
    let mut rapier = Library { store, instance };
    let started = Stopwatch::start();
    let text = simulate(&mut rapier)?;
    let run = started.elapsed();
    print!("{text}");
    Ok(Outcome { run, exit: 0 })
}

fn simulate(rapier: &mut Library) -> Result<String> {
    let world = World {
        bodies: rapier.make("rawrigidbodyset")?,
        colliders: rapier.make("rawcolliderset")?,
        zero: rapier.call("rawvector_zero", &[])?,
        upright: rapier.call("rawrotation_identity", &[])?,
    };
    let ground = rapier.call("rawshape_cuboid", &[60.0, 1.0, 60.0])?;
    place(rapier, &world, FIXED, [0.0, -1.0, 0.0], ground)?;
    let cube = rapier.call("rawshape_cuboid", &[0.5, 0.5, 0.5])?;
    let ball = rapier.call("rawshape_ball", &[0.6])?;
    let mut falling = Vec::new();
    for tower in 0..TOWERS.0 {
        for level in 0..TOWERS.1 {
            let (column, row, height) = ((tower % 4) as f64, (tower / 4) as f64, level as f64);
            let at = [3.0 * column + 0.04 * height, 0.5 + 1.02 * height, 3.0 * row];
            falling.push(place(rapier, &world, DYNAMIC, at, if level % 3 == 2 { ball } else { cube })?);
        }
    }
    let mut parts = vec![rapier.make("rawphysicspipeline")?, rapier.call("rawvector_new", &[0.0, -9.81, 0.0])?];
    for kind in ["rawintegrationparameters", "rawislandmanager", "rawbroadphase", "rawnarrowphase"] {
        parts.push(rapier.make(kind)?);
    }
    parts.extend([world.bodies, world.colliders]);
    for kind in ["rawsoftbodyset", "rawimpulsejointset", "rawmultibodyjointset", "rawccdsolver"] {
        parts.push(rapier.make(kind)?);
    }
    for _ in 0..STEPS {
        rapier.call("rawphysicspipeline_step", &parts)?;
    }
    let mut text = String::new();
    for body in falling {
        rapier.call("rawrigidbodyset_rbTranslation", &[world.bodies, body, OBJECT])?;
        let [x, y, z] = rapier.store.data();
        writeln!(text, "{x:.4} {y:.4} {z:.4}")?;
    }
    Ok(text)
}

/// Places a body of a shape somewhere. Returns its handle.
fn place(rapier: &mut Library, world: &World, kind: f64, at: [f64; 3], shape: f64) -> Result<f64> {
    let &World { bodies, colliders, zero, upright } = world;
    let at = rapier.call("rawvector_new", &at)?;
    // In order: enabled, place, rotation, gravity's scale, mass, mass alone, its centre, speeds, inertia and its frame, six
    // freedoms, dampings, kind, may sleep, sleeps, two ways to foresee collisions, dominance, further solver iterations.
    let body = [
        &[bodies, 1.0, at, upright, 1.0, 0.0, 0.0, zero, zero, zero, zero, upright][..],
        &[1.0; 6],
        &[0.0, 0.0, kind, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ];
    let body = rapier.call("rawrigidbodyset_createRigidBody", &body.concat())?;
    let result = rapier.call("__wbindgen_add_to_stack_pointer", &[-16.0])?;
    // In order: where the result goes, enabled, shape, place and rotation on the body, mass and its like from the density,
    // density, friction, restitution and how they combine, sensor, groups, kinds of collision, hooks and events, and whose
    // it is.
    let collider = [
        &[result, colliders, 1.0, shape, zero, upright, 0.0, 0.0, zero, zero, upright, 1.0, 0.5, 0.1, 0.0, 0.0][..],
        &[0.0, -1.0, -1.0, 15.0, 0.0, 0.0, 0.0, 0.0, 1.0, body, bodies],
    ];
    rapier.call("rawcolliderset_createCollider", &collider.concat())?;
    rapier.call("__wbindgen_add_to_stack_pointer", &[16.0])?;
    Ok(body)
}

/// Defines what the library imports: a clock that stands still, and the array.
fn link(linker: &mut Linker<Scratch>, module: &Module) -> Result<()> {
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else { continue };
        let (space, name) = (import.module(), import.name());
        let has = |part: &str| name.contains(part);
        if has("set_index") {
            linker.func_wrap(space, name, |mut caller: Caller<'_, Scratch>, _: i32, index: i32, number: f32| {
                let place = usize::try_from(index).ok().and_then(|index| caller.data_mut().get_mut(index));
                *place.context("a position has three parts")? = number;
                Ok(())
            })?;
        } else if has("accessor") || has("performance") || has("clone_ref") {
            constant(linker, space, name, ty, OBJECT)?;
        } else if has("now") || has("is_undefined") || has("drop_ref") {
            constant(linker, space, name, ty, 0.0)?;
        }
    }
    Ok(())
}

/// Defines an import that always answers the same.
fn constant(linker: &mut Linker<Scratch>, space: &str, name: &str, ty: FuncType, answer: f64) -> Result<()> {
    let answers: Vec<Val> = ty.results().map(|ty| value(&ty, answer)).collect::<Result<_>>()?;
    linker.func_new(space, name, ty, move |_, _, results| {
        results.clone_from_slice(&answers);
        Ok(())
    })?;
    Ok(())
}
